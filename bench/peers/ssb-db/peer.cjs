// ssb-db with EBT, as ssb-server 16 has them. Its own indexes answer all questions here: plugins for
// queries would only make it slower to load.
'use strict'
const { join } = require('node:path')
const { setTimeout: pause } = require('node:timers/promises')
const SecretStack = require('secret-stack')
const caps = require('ssb-caps')
const ssbKeys = require('ssb-keys')
const { serve, called, collected, settings, connections } = require('../serve.cjs')

const { path, port, networkKey } = settings()
const keys = ssbKeys.loadOrCreateSync(join(path, 'secret'))
const shs = networkKey ?? caps.shs
const sbot = SecretStack({ caps: { shs: Buffer.from(shs, 'base64') } })
  .use(require('ssb-db'))
  .use(require('ssb-replicate'))
  .use(require('ssb-ebt'))({
  path,
  keys,
  caps: { shs },
  connections: connections(port),
  timers: { inactivity: 600_000, handshake: 10_000 },
  // History streams wait until EBT was refused.
  replicate: { fallback: true },
})

const linked = (dest, rel) => collected(sbot.links({ dest, rel, keys: true, values: true }))

const got = async (key) => ({ key, value: await called(sbot.get, key) })

const questions = {
  get: async ({ key }) => [await got(key)],
  feed: ({ id }) => collected(sbot.createUserStream({ id })),
  type: ({ type }) => collected(sbot.messagesByType(type)),
  author: ({ id }) => collected(sbot.createUserStream({ id })),
  tangle: async ({ root }) => {
    const [first, replies, forks] = await Promise.all([
      got(root),
      linked(root, 'root'),
      linked(root, 'fork'),
    ])
    return [first, ...replies, ...forks]
  },
  mentions: ({ target }) => linked(target, 'mentions'),
}

/** Whether all indexes have all messages is asked so often, ms. */
const LOOK_MS = 10

serve(keys.id, {
  questions,
  address: () => sbot.getAddress('public'),
  // Validated at once, called back when the log was written.
  add: (value) => called(sbot.add, value),
  publish: async (content) => (await called(sbot.publish, content)).key,
  clock: () => called(sbot.getVectorClock),
  head: async (id) => {
    const latest = await called(sbot.getLatest, id)
    return { key: latest?.key ?? null, sequence: latest?.value.sequence ?? 0 }
  },
  indexed: async () => {
    while (!sbot.status().sync.sync) await pause(LOOK_MS)
  },
  onMessage: (listener) => sbot.post(({ value }) => listener(value), false),
  request: (id) => sbot.replicate.request(id, true),
  connect: async (address) => {
    await called(sbot.connect, address)
  },
  close: () => called(sbot.close, true),
})
