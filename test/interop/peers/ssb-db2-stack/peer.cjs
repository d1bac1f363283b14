// The stack that Manyverse is built from: ssb-db2 with its compatibility plugins, EBT, follow graph,
// replication scheduler and connections.
'use strict'
const { createReadStream } = require('node:fs')
const { createInterface } = require('node:readline')
const SecretStack = require('secret-stack')
const { serve, called, collected, until } = require('../serve.cjs')

const options = JSON.parse(process.argv[2])
const stack = SecretStack({ caps: { shs: Buffer.from(options.networkKey, 'base64') } })
  .use(require('ssb-db2'))
  .use(require('ssb-db2/compat'))
  .use(require('ssb-db2/compat/publish'))
  .use(require('ssb-ebt'))
// For measuring, replication alone, of the feeds that are asked for.
if (!options.isBare) {
  stack
    .use(require('ssb-friends'))
    .use(require('ssb-replication-scheduler'))
    .use(require('ssb-conn'))
    .use(require('ssb-blobs'))
    .use(require('ssb-invite-client'))
}
const sbot = stack({
  path: options.path,
  keys: options.keys,
  caps: { shs: options.networkKey },
  connections: {
    incoming: {
      net: [{ scope: 'public', host: '127.0.0.1', port: options.port, transform: 'shs' }],
    },
    outgoing: { net: [{ transform: 'shs' }] },
  },
  timers: { inactivity: 60_000, handshake: 10_000 },
  conn: { autostart: false },
  lan: { autostart: false },
  friends: { hops: options.hops ?? 2 },
  replicationScheduler: { autostart: true },
})

const clock = () => called(sbot.getVectorClock)
const changes = []
sbot.db.onMsgAdded(() => {
  for (const look of changes) look()
})

/** Adds all messages of a file of JSON lines, each checked. */
async function load(file) {
  let batch = []
  const add = async () => {
    await Promise.all(batch.map((value) => called(sbot.db.add, value)))
    batch = []
  }
  for await (const line of createInterface({ input: createReadStream(file) })) {
    batch.push(JSON.parse(line).value)
    if (batch.length === 1000) await add()
  }
  await add()
  await called(sbot.db.onDrain, 'base')
}

/** Resolves when so many messages are here; counted as they come. */
function holdsInAll(count) {
  return new Promise((resolve) => {
    let held = 0
    sbot.db.onMsgAdded(() => {
      held += 1
      if (held === count) resolve()
    })
  })
}

serve({
  load,
  holdsInAll,
  request: (ids) => {
    for (const id of ids) sbot.ebt.request(id, true)
  },
  cpuMs: () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  },
  address: () => sbot.getAddress('public'),
  publish: (content) => called(sbot.db.publish, content),
  add: (value) => called(sbot.db.add, value),
  clock,
  feed: (id) => collected(sbot.createHistoryStream({ id, keys: false })),
  holds: (id, sequence) =>
    until(
      async () => ((await clock())[id] ?? 0) >= sequence,
      (look) => changes.push(look),
    ),
  connect: async (address) => {
    await called(sbot.connect, address)
  },
  disconnect: (id) =>
    Promise.all(
      Object.values(sbot.peers[id] ?? []).map((rpc) => called(rpc.close.bind(rpc), true)),
    ),
  peers: () => Object.keys(sbot.peers).filter((id) => sbot.peers[id].length > 0),
  hops: () => called(sbot.friends.hops),
  acceptInvite: (code) => called(sbot.invite.accept, code),
  peerStatus: (id) => sbot.ebt.peerStatus(id),
  close: () => called(sbot.close, true),
})
