import { expect, test } from 'vitest'
import { type Kvt, runningNode } from '../fixtures/running-node.js'

for (const [name, options] of [
  ['createLogStream', { live: true, old: false }],
  ['messagesByType', { type: 'post', live: true, old: false }],
  ['createFeedStream', { live: true, old: false }],
] as const) {
  test(`${name} has what the same client publishes right after opening it`, async () => {
    const { peer } = await runningNode()
    for (let round = 0; round < 20; round++) {
      const stream = peer.source(name, [options])
      const first = stream.next()
      const published = (await peer.call('publish', [{ type: 'post', text: `${round}` }])) as Kvt
      expect((await first).value).toEqual(published)
      await stream.return?.()
    }
  })
}
