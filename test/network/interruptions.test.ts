import { expect, test } from 'vitest'
import { contact, feedUpTo, follow, untilConnected } from '../fixtures/peers.js'
import { collect, type Kvt, type RunningNode, runningNode } from '../fixtures/running-node.js'
import { nodeWithThreads } from '../fixtures/shard-threads.js'

/** What replication goes on with behind a rebuild of the indexes, and behind the death of a thread. */

const post = (text: string) => [{ type: 'post', text }]

/** Ana and Ben follow each other and are connected; Ben holds the feed of Zoe, whom nobody follows. */
async function threeNodes() {
  const [ben, zoe] = await Promise.all([runningNode(), runningNode()])
  const ana = await nodeWithThreads()
  await follow(ana.peer, ben.node.id)
  await follow(ben.peer, ana.node.id)
  await zoe.peer.call('publish', post('hello'))
  await ana.peer.call('conn.connect', [ben.node.address])
  await ben.peer.call('conn.connect', [zoe.node.address])
  await ben.peer.call('ebt.request', [zoe.node.id, true])
  await Promise.all([
    feedUpTo(ana.peer, ben.node.id, 1),
    feedUpTo(ben.peer, ana.node.id, 1),
    feedUpTo(ben.peer, zoe.node.id, 1),
  ])
  return { ana, ben, zoe }
}

/** New messages go both ways, follows are followed and blocks end connections. */
async function expectGoesOn(ana: RunningNode, ben: RunningNode, zoe: RunningNode) {
  const before = (await ana.peer.call('getLatest', [ben.node.id])) as Kvt
  await ben.peer.call('publish', post('from Ben'))
  await feedUpTo(ana.peer, ben.node.id, before.value.sequence + 1)
  const own = (await ana.peer.call('publish', post('from Ana'))) as Kvt
  await feedUpTo(ben.peer, ana.node.id, own.value.sequence)
  await follow(ben.peer, zoe.node.id)
  expect((await feedUpTo(ana.peer, zoe.node.id, 1))[0]!.value.content.text).toBe('hello')
  await ana.peer.call('publish', [contact(ben.node.id, { blocking: true, following: false })])
  await untilConnected(ana.peer, (ids) => !ids.includes(ben.node.id))
}

test('replication and the follow graph go on when the indexes are folded again', async () => {
  const { ana, ben, zoe } = await threeNodes()
  const events = await collect<{ event: string }>(ana.peer.source('node.rebuild'))
  expect(events.at(-1)!.event).toBe('done')
  await expectGoesOn(ana, ben, zoe)
})

test('replication and the follow graph go on when a thread was killed and started again', async () => {
  const { ana, ben, zoe } = await threeNodes()
  for (const shard of [0, 1]) {
    await ana.terminate(shard)
    await ana.restarted(shard, 1)
  }
  await expectGoesOn(ana, ben, zoe)
})
