import pull from 'pull-stream'
import ssbClient from 'ssb-client'
import ssbKeys from 'ssb-keys'
import { expect, it } from 'vitest'
import { RawBatch } from '../src/index.js'
import { answer, pulled } from './foreign-peer.js'
import { served } from './served.js'

it('ssb-client connects, learns the manifest, and reads', async () => {
  const bodies = Array.from({ length: 3000 }, (_, sequence) =>
    Buffer.from(JSON.stringify({ key: '%k', value: { sequence }, timestamp: 1 })),
  )
  const server = await served([
    { name: 'whoami', type: 'sync', handler: () => ({ id: '@me' }) },
    {
      name: 'createLogStream',
      type: 'source',
      async *handler() {
        for (let at = 0; at < bodies.length; at += 100) {
          yield RawBatch.ofBodies(bodies.slice(at, at + 100))
        }
      },
    },
  ])
  const keys = ssbKeys.generate()
  const client = await ssbClient(keys, {
    remote: `unix:${server.path}~noauth:${keys.public.replace('.ed25519', '')}`,
    caps: { shs: '1KHLiKZvAvjbY1ziZEHMXawbCEIM6qwjCDm3VYRan/s=' },
  })
  expect(client.id).toBe(keys.id)
  expect(await client.whoami()).toEqual({ id: '@me' })
  expect(await client.manifest()).toEqual({
    whoami: 'sync',
    createLogStream: 'source',
    manifest: 'sync',
  })
  const messages = (await pulled(client.createLogStream())) as { value: { sequence: number } }[]
  expect(messages.map(({ value }) => value.sequence)).toEqual(bodies.map((_, index) => index))
  expect(await pulled(pull(client.createLogStream(), pull.take(2)))).toHaveLength(2)
  await answer((callback) => client.close(callback))
})
