import pull from 'pull-stream'
import { describe, expect, it } from 'vitest'
import { type Method, methodTable, RawBatch, type SecurePeer } from '../src/index.js'
import { answer, foreignCaller, foreignListener, pulled } from './foreign-peer.js'
import { alice, bob, dialled, listening, networkKey } from './networked.js'
import { collect, deferred, never, until } from './served.js'

/** The other side is npm secret-handshake with pull-box-stream and muxrpc, as in secret-stack. */

const LONG = 'é'.repeat(25_000)
const VALUES = [1, 'text', { a: [1, { b: '"' }] }, LONG, Buffer.from([0, 1, 255])]
const manifest = { echo: 'async', items: 'source', take: 'sink', talk: 'duplex', unknown: 'async' }

const methods: readonly Method[] = [
  { name: 'echo', type: 'async', handler: async (args) => args },
  {
    name: 'items',
    type: 'source',
    async *handler() {
      yield RawBatch.ofBodies(['1', '{"a":2}'].map((text) => Buffer.from(text)))
      yield* VALUES
    },
  },
  {
    name: 'take',
    type: 'sink',
    async handler(_args, { input }) {
      taken.push(...(await collect(input)))
    },
  },
  {
    name: 'talk',
    type: 'duplex',
    rawInput: true,
    async *handler(_args, { batches }) {
      for await (const batch of batches) yield* batch.parse()
    },
  },
]
const taken: unknown[] = []

const foreignApi = {
  echo: (...args: unknown[]) => (args.pop() as (error: null, value: unknown) => void)(null, args),
  items: () => pull.values(VALUES),
  talk: () => {
    let sink: unknown
    const source = pull.map((value: unknown) => value)((abort: unknown, callback: unknown) =>
      (sink as (abort: unknown, callback: unknown) => void)(abort, callback),
    )
    return { source, sink: (read: unknown) => (sink = read) }
  },
}

describe('a foreign peer that calls', () => {
  async function caller() {
    const came = deferred<SecurePeer>()
    const server = await listening(methods, { onPeer: came.resolve })
    const foreign = await foreignCaller({
      port: server.port,
      keys: alice,
      remoteKey: bob.publicKey,
      networkKey,
      manifest,
      localManifest: { whoami: 'sync', items: 'source' },
      localApi: { whoami: () => ({ id: alice.id }), items: () => pull.values(VALUES) },
    })
    return { server, here: await came.promise, ...foreign }
  }

  it('is known by its identity, calls, and is called', async () => {
    const { rpc, here } = await caller()
    expect(here.remoteId).toBe(alice.id)
    expect(await answer((done) => rpc.echo(1, { two: LONG }, done))).toEqual([1, { two: LONG }])
    expect(await pulled(rpc.items())).toEqual([1, { a: 2 }, ...VALUES])
    expect(await here.connection.call('whoami')).toEqual({ id: alice.id })
    expect(await collect(here.connection.source('items'))).toEqual(VALUES)
  })

  it('sends to sinks and talks on duplexes', async () => {
    const { rpc } = await caller()
    taken.length = 0
    await answer((done) => pull(pull.values(VALUES), rpc.take(done)))
    await until(() => taken.length === VALUES.length)
    expect(taken).toEqual(VALUES)
    const stream = rpc.talk()
    const heard = answer((done) => pull(stream.source, pull.take(3), pull.collect(done)))
    let count = 0
    stream.sink((abort: unknown, callback: (end: unknown, item?: number) => void) => {
      if (abort) callback(abort)
      else if (count < 3) callback(null, ++count)
    })
    expect(await heard).toEqual([1, 2, 3])
  })

  it('is told about unknown methods in the words that it compares', async () => {
    const { rpc } = await caller()
    await expect(answer((done) => rpc.unknown(done))).rejects.toMatchObject({
      message: 'method:unknown is not in list of allowed methods',
    })
  })

  it('ends without an error when it says goodbye, and as cut off when it does not', async () => {
    const orderly = await caller()
    orderly.rpc.close(() => {})
    expect(await orderly.here.connection.closed).toBeNull()
    const rude = await caller()
    rude.socket.destroy()
    expect(await rude.here.connection.closed).toMatchObject({ code: 'TRUNCATED' })
  })

  it('gets no further with another network key or another identity', async () => {
    const server = await listening(methods)
    const call = (options: object) =>
      foreignCaller({
        port: server.port,
        keys: alice,
        remoteKey: bob.publicKey,
        networkKey,
        manifest,
        ...options,
      })
    await expect(call({ networkKey: Buffer.alloc(32, 7) })).rejects.toThrow()
    await expect(call({ remoteKey: alice.publicKey })).rejects.toThrow()
    await until(() => server.refused['handshake-failed'] === 2)
    expect(server.peers.size).toBe(0)
  })
})

describe('a foreign peer that is called', () => {
  const listener = (options: object = {}) =>
    foreignListener({ keys: bob, networkKey, manifest, api: foreignApi, ...options })

  it('answers calls and streams, and calls back', async () => {
    // biome-ignore lint/suspicious/noExplicitAny: npm muxrpc has no types
    const came = deferred<any>()
    const port = await listener({ onRpc: came.resolve })
    const whoami: Method = { name: 'whoami', type: 'sync', handler: () => ({ id: alice.id }) }
    const { connection } = await dialled({ port }, { methods: methodTable([whoami]) })
    expect(await connection.call('echo', [1, { two: LONG }])).toEqual([1, { two: LONG }])
    expect(await collect(connection.source('items'))).toEqual(VALUES)
    const rpc = await came.promise
    expect(await answer((done) => rpc.whoami(done))).toEqual({ id: alice.id })
    await expect(connection.call('unknown')).rejects.toMatchObject({ code: 'REMOTE_ERROR' })
  })

  it('takes batches on a duplex and gives its items back', async () => {
    const port = await listener()
    const { connection } = await dialled({ port })
    async function* input() {
      yield RawBatch.ofBodies(['{"a":1}', '{"b":2}'].map((text) => Buffer.from(text)))
      yield* never
    }
    const received: unknown[] = []
    for await (const batch of connection.rawDuplex('talk', [], input())) {
      received.push(...batch.parse())
      if (received.length === 2) break
    }
    expect(received).toEqual([{ a: 1 }, { b: 2 }])
  })

  it('may not let us in, be on another network, or be somebody else', async () => {
    const closed = await listener({ authorize: () => false })
    await expect(dialled({ port: closed })).rejects.toThrow('does not let us in')
    const port = await listener()
    await expect(dialled({ port }, { networkKey: Buffer.alloc(32, 7) })).rejects.toThrow(
      'it has another network key, takes no more connections',
    )
    await expect(dialled({ port }, { remoteKey: alice.publicKey })).rejects.toThrow(
      'it has another identity than the one dialled',
    )
  })
})
