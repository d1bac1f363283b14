// ssb-server 16 with the plugins that its own `start` loads, as far as replication is concerned.
// Without EBT it replicates by history streams alone, as servers before EBT did.
'use strict'
const { serve, called, collected, until } = require('../serve.cjs')

const options = JSON.parse(process.argv[2])
const stack = require('ssb-server')
  .createSsbServer()
  .use(require('ssb-master'))
  .use(require('ssb-gossip'))
  .use(require('ssb-replicate'))
  .use(require('ssb-friends'))
  .use(require('ssb-invite'))
if (options.hasEbt) stack.use(require('ssb-ebt'))
const sbot = stack({
  path: options.path,
  keys: options.keys,
  caps: { shs: options.networkKey },
  host: '127.0.0.1',
  port: options.port,
  connections: {
    incoming: {
      net: [
        {
          scope: ['public', 'local', 'device'],
          host: '127.0.0.1',
          port: options.port,
          transform: 'shs',
        },
      ],
    },
    outgoing: { net: [{ transform: 'shs' }] },
  },
  timers: { inactivity: 60_000, handshake: 10_000 },
  gossip: { autostart: false, seed: false, local: false, friends: false, global: false },
  // Private addresses are refused as hosts of an invite unless said so.
  allowPrivate: true,
  local: false,
  friends: { hops: options.hops ?? 2 },
  // With EBT, history streams wait until EBT was refused.
  replicate: { hops: options.hops ?? 2, fallback: options.hasEbt },
  logging: { level: 'error' },
})

const clock = () => called(sbot.getVectorClock)
const changes = []
sbot.post(() => {
  for (const look of changes) look()
})

serve({
  address: () => sbot.getAddress('public') || sbot.getAddress('device'),
  publish: (content) => called(sbot.publish, content),
  add: (value) => called(sbot.add, value),
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
  createInvite: (uses) => called(sbot.invite.create, { uses, modern: false }),
  acceptInvite: (code) => called(sbot.invite.accept, code),
  close: () => called(sbot.close, true),
})
