// ssb-db2 with the indexes that clients ask: EBT for replication and full mentions.
'use strict'
const { join } = require('node:path')
const { setTimeout: pause } = require('node:timers/promises')
const SecretStack = require('secret-stack')
const caps = require('ssb-caps')
const ssbKeys = require('ssb-keys')
const { serve, called, settings, connections } = require('../serve.cjs')

const { path, port, networkKey } = settings()
const keys = ssbKeys.loadOrCreateSync(join(path, 'secret'))
const shs = networkKey ?? caps.shs
const sbot = SecretStack({ caps: { shs: Buffer.from(shs, 'base64') } })
  .use(require('ssb-db2'))
  .use(require('ssb-db2/compat/ebt'))
  .use(require('ssb-db2/compat/feedstate'))
  .use(require('ssb-db2/full-mentions'))
  .use(require('ssb-ebt'))({
  path,
  keys,
  caps: { shs },
  connections: connections(port),
  timers: { inactivity: 600_000, handshake: 10_000 },
})
const { where, and, or, type, author, hasRoot, hasFork, mentions, fullMentions, toCallback } =
  sbot.db.operators

const found = (operation) =>
  new Promise((resolve, reject) => {
    sbot.db.query(
      where(operation),
      toCallback((error, messages) => (error ? reject(error) : resolve(messages))),
    )
  })

const got = async (key) => ({ key, value: await called(sbot.db.get, key) })

const questions = {
  get: async ({ key }) => [await got(key)],
  // Faster by far than its history stream, which asks for a message at a time.
  feed: async ({ id }) =>
    (await found(author(id))).sort((a, b) => a.value.sequence - b.value.sequence),
  type: (query) => found(type(query.type)),
  author: ({ id }) => found(author(id)),
  tangle: async ({ root }) => {
    const [first, replies] = await Promise.all([got(root), found(or(hasRoot(root), hasFork(root)))])
    return [first, ...replies]
  },
  // The index of all mentions leaves blobs out.
  mentions: ({ target }) => found(target.startsWith('&') ? mentions(target) : fullMentions(target)),
}

/** Indexes are written behind a query's back, each to a file that is then renamed. */
const WRITTEN_MS = 500

serve(keys.id, {
  questions,
  address: () => sbot.getAddress('public'),
  // Validated in batches by feed, 250 ms after the first of a batch.
  add: (value) => called(sbot.db.add, value),
  // Called back when the message is in memory: the log is written 250 ms later.
  publish: async (content) => (await called(sbot.db.create, { content, keys })).key,
  clock: () => called(sbot.getVectorClock),
  head: async (id) => {
    await called(sbot.db.onDrain, 'base')
    const { id: key, sequence } = await called(sbot.getFeedState, id)
    return { key, sequence }
  },
  indexed: async (types) => {
    for (const name of ['base', 'keys', 'ebt', 'fullMentions']) {
      await called(sbot.db.onDrain, name)
    }
    // One pass over the log makes all indexes that the questions need.
    const nobody = keys.id
    const nothing = `%${nobody.slice(1, 45)}.sha256`
    const links = [hasRoot(nothing), hasFork(nothing)]
    await found(and(author(nobody), or(...links, ...types.map((each) => type(each)))))
  },
  settled: () => pause(WRITTEN_MS),
  onMessage: (listener) => sbot.db.onMsgAdded(({ kvt }) => listener(kvt.value)),
  request: (id) => sbot.ebt.request(id, true),
  connect: async (address) => {
    await called(sbot.connect, address)
  },
  close: () => called(sbot.close, true),
})
