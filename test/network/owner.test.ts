import ssbClient from 'ssb-client'
import ssbKeys from 'ssb-keys'
import { expect, test } from 'vitest'
import { runningNode } from '../fixtures/running-node.js'

const MAIN_NETWORK = { shs: '1KHLiKZvAvjbY1ziZEHMXawbCEIM6qwjCDm3VYRan/s=' }

test('an app with the own secret may call over TCP what it may call on the socket', async () => {
  const { node, path } = await runningNode()
  const keys = ssbKeys.loadSync(`${path}/secret`)
  const options = { remote: node.address, caps: MAIN_NETWORK }
  const [first, second] = [await ssbClient(keys, options), await ssbClient(keys, options)]
  expect(await first.whoami()).toEqual({ id: node.id })
  const { key } = await second.publish({ type: 'post', text: 'by way of TCP' })
  expect(await first.get(key)).toMatchObject({ content: { text: 'by way of TCP' } })
})

test('a stranger may call nothing of that over TCP', async () => {
  const { node } = await runningNode()
  const client = await ssbClient(ssbKeys.generate(), {
    remote: node.address,
    caps: MAIN_NETWORK,
    manifest: { publish: 'async', whoami: 'sync', feeds: { list: 'source' } },
  })
  await expect(client.publish({ type: 'post', text: 'no' })).rejects.toThrow(
    /not in list of allowed methods/,
  )
})
