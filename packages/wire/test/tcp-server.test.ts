import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { generateKeys } from '@dunbar/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Method, methodTable, PEER_LIMITS, RawBatch, type SecurePeer } from '../src/index.js'
import { ManualTime } from './manual-time.js'
import { alice, bob, dialled, listening } from './networked.js'
import { collect, deferred, never, until } from './served.js'

const ping: Method = { name: 'ping', type: 'sync', handler: () => 'pong' }
const pause = async (signal: AbortSignal) => {
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
}

async function silentSocket(port: number): Promise<Socket> {
  const socket = createConnection({ host: '127.0.0.1', port })
  socket.on('error', () => {})
  onTestFinished(() => {
    socket.destroy()
  })
  await once(socket, 'connect')
  return socket
}

describe('two peers', () => {
  it('know each other and call each other', async () => {
    const came = deferred<SecurePeer>()
    const server = await listening([ping], { onPeer: came.resolve })
    const whoami: Method = { name: 'whoami', type: 'sync', handler: () => 'alice' }
    const there = await dialled(server, { methods: methodTable([whoami]) })
    const here = await came.promise
    expect(there).toMatchObject({ remoteId: bob.id, isDialler: true })
    expect(here).toMatchObject({ remoteId: alice.id, isDialler: false })
    const bobsKey = bob.id.slice(1, -'.ed25519'.length)
    expect(there.address).toBe(`net:127.0.0.1:${server.port}~shs:${bobsKey}`)
    expect(await there.connection.call('ping')).toBe('pong')
    expect(await here.connection.call('whoami')).toBe('alice')
    expect(await there.connection.call('manifest')).toEqual({ ping: 'sync', manifest: 'sync' })
    expect([...server.peers.values()]).toEqual([here])
  })

  it('end without an error on both sides when one of them closes', async () => {
    const came = deferred<SecurePeer>()
    const server = await listening([ping], { onPeer: came.resolve })
    const there = await dialled(server)
    await there.connection.close()
    expect(await there.connection.closed).toBeNull()
    expect(await (await came.promise).connection.closed).toBeNull()
    await until(() => server.peers.size === 0)
  })

  it('carry items of any size in both directions of a duplex, in order', async () => {
    const echo: Method = {
      name: 'echo',
      type: 'duplex',
      rawInput: true,
      async *handler(_args, { batches }) {
        for await (const batch of batches) {
          yield RawBatch.ofBodies(Array.from({ length: batch.count }, (_, i) => batch.body(i)))
        }
      },
    }
    const server = await listening([echo])
    const { connection } = await dialled(server)
    const sent = Array.from({ length: 600 }, (_, i) => ({ i, text: 'x'.repeat((i * 37) % 9000) }))
    const over = deferred<void>()
    async function* input() {
      yield RawBatch.ofBodies(sent.slice(0, 300).map((item) => Buffer.from(JSON.stringify(item))))
      yield* sent.slice(300)
      await over.promise
    }
    const received: unknown[] = []
    for await (const batch of connection.rawDuplex('echo', [], input())) {
      expect(batch.isJson(0)).toBe(true)
      received.push(...batch.parse())
      if (received.length === sent.length) break
    }
    over.resolve()
    expect(received).toEqual(sent)
  })

  it('hand over what came together as one batch', async () => {
    const bodies = Array.from({ length: 100 }, (_, i) => Buffer.from(`{"i":${i}}`))
    const server = await listening([
      {
        name: 'items',
        type: 'duplex',
        async *handler() {
          yield RawBatch.ofBodies(bodies)
        },
      },
    ])
    const { connection } = await dialled(server)
    const [batch, ...others] = await collect(connection.rawDuplex('items', [], never))
    expect(others).toEqual([])
    expect(batch?.count).toBe(100)
    expect(batch?.body(99).toString()).toBe('{"i":99}')
  })
})

describe('a peer that does not read a replication stream', () => {
  it('stops its source, and then the whole connection’s reading here', async () => {
    let givenBytes = 0
    const server = await listening([
      {
        name: 'endless',
        type: 'duplex',
        async *handler() {
          for (;;) {
            givenBytes += 64_000
            yield { text: 'x'.repeat(64_000) }
          }
        },
      },
      {
        name: 'quiet',
        type: 'source',
        handler: () => never,
      },
    ])
    const { connection } = await dialled(server)
    // A reader that waits for ever must not keep the socket open for the stream that is full.
    const quiet = connection.source('quiet')
    void quiet.next()
    const stream = connection.rawDuplex('endless', [], never)
    await until(() => connection.stats.queuedBytes >= PEER_LIMITS.queuedBytes)
    const [{ connection: here } = { connection }] = server.peers.values()
    await until(() => here.stats.unsentBytes >= PEER_LIMITS.unsentStreamBytes)
    const soFar = givenBytes
    expect(connection.stats.queuedBytes).toBeLessThan(PEER_LIMITS.queuedHardBytes / 2)
    expect((await stream.next()).value?.count).toBeGreaterThan(0)
    for await (const _batch of stream) if (givenBytes > soFar) break
    await quiet.return?.()
  })
})

describe('a port that opens later', () => {
  it('has who comes before wait, and serves them then', async () => {
    const opening = deferred<void>()
    const server = await listening([ping], { opensWhen: opening.promise })
    const dialling = dialled(server)
    const left = await silentSocket(server.port)
    left.destroy()
    await silentSocket(server.port)
    expect(server.handshakeCount).toBe(0)
    opening.resolve()
    expect(await (await dialling).connection.call('ping')).toBe('pong')
  })

  it('lets nobody wait when it closes', async () => {
    const server = await listening([ping], { opensWhen: new Promise(() => {}) })
    const dialling = dialled(server)
    dialling.catch(() => {})
    await silentSocket(server.port)
    await server.close()
    await expect(dialling).rejects.toThrow()
  })
})

describe('limits', () => {
  it('let one answer be longer than a frame', async () => {
    const long: Method = { name: 'long', type: 'async', handler: () => 'x'.repeat(1 << 20) }
    const server = await listening([long])
    const { connection } = await dialled(server)
    expect(await connection.call('long', [], { answerBytes: 2 << 20 })).toHaveLength(1 << 20)
    await expect(connection.call('long')).rejects.toThrow()
  })

  it('let a method take longer items than others', async () => {
    const lengths: number[] = []
    const take = (name: string, itemBytes?: number): Method => ({
      name,
      type: 'sink',
      ...(itemBytes === undefined ? {} : { itemBytes }),
      async handler(_args, { input }) {
        for await (const item of input) lengths.push(String(item).length)
      },
    })
    const server = await listening([take('notes', 4 << 20), take('others')])
    const { connection } = await dialled(server)
    async function* long() {
      yield 'x'.repeat(1 << 20)
    }
    await connection.sink('notes', [], long())
    expect(lengths).toEqual([1 << 20])
    await expect(connection.sink('others', [], long())).rejects.toThrow()
    await until(() => server.peers.size === 0)
  })

  it('may differ from peer to peer', async () => {
    const live: Method = {
      name: 'live',
      type: 'source',
      async *handler(_args, { signal }) {
        yield 1
        await pause(signal)
      },
    }
    const server = await listening([live], {
      limits: { inboundStreams: 1 },
      limitsFor: (id) => (id === alice.id ? { inboundStreams: 2 } : {}),
    })
    const streams = async (peer: SecurePeer) => {
      let openCount = 0
      for (let i = 0; i < 3; i++) {
        const first = await peer.connection
          .source('live')
          .next()
          .catch(() => null)
        if (first !== null) openCount++
      }
      return openCount
    }
    expect(await streams(await dialled(server))).toBe(2)
    expect(await streams(await dialled(server, { keys: generateKeys() }))).toBe(1)
  })

  it('let a peer that makes too many calls wait for the rest, and nobody else', async () => {
    const time = new ManualTime()
    const server = await listening([ping], { timers: time, clock: time })
    const { connection } = await dialled(server)
    const other = await dialled(server, { keys: generateKeys() })
    const total = 20_000
    let answeredCount = 0
    const calls = Array.from({ length: total }, async () => {
      await connection.call('ping')
      answeredCount++
    })
    await until(() => answeredCount >= PEER_LIMITS.callBurst)
    for (let i = 0; i < 100; i++) expect(await other.connection.call('ping')).toBe('pong')
    expect(answeredCount).toBeLessThan(total / 2)
    await until(() => {
      time.advance(1_000)
      return answeredCount === total
    })
    await Promise.all(calls)
  })

  it('close a connection over which nothing goes, and not one that is pinged', async () => {
    const time = new ManualTime()
    const server = await listening([ping], { timers: time, clock: time })
    const idle = await dialled(server, { keys: generateKeys() })
    const busy = await dialled(server)
    await busy.connection.call('ping')
    for (let minute = 0; minute < 15; minute++) {
      time.advance(60_000)
      expect(await busy.connection.call('ping')).toBe('pong')
    }
    await idle.connection.closed
    expect([...server.peers.keys()]).toEqual([alice.id])
  })
})

describe('a port', () => {
  it('closes those that say nothing after five seconds, and takes others meanwhile', async () => {
    const time = new ManualTime()
    const server = await listening([ping], { timers: time, clock: time })
    const sockets = await Promise.all(Array.from({ length: 3 }, () => silentSocket(server.port)))
    await until(() => server.handshakeCount === 3)
    const { connection } = await dialled(server)
    expect(await connection.call('ping')).toBe('pong')
    time.advance(4_999)
    expect(server.handshakeCount).toBe(3)
    time.advance(1)
    await Promise.all(sockets.map((socket) => socket.destroyed || once(socket.resume(), 'close')))
    expect(server.refused['handshake-timeout']).toBe(3)
    expect(server.handshakeCount).toBe(0)
    expect(await connection.call('ping')).toBe('pong')
  })

  it('holds four handshakes of an address', async () => {
    const server = await listening([ping])
    for (let i = 0; i < 6; i++) await silentSocket(server.port)
    await until(() => server.refused['too-many-handshakes'] === 2)
    expect(server.handshakeCount).toBe(4)
  })

  it('keeps the newest connection of an identity and ends the older one quietly', async () => {
    const server = await listening([ping])
    const older = await dialled(server)
    const newer = await dialled(server)
    expect(await older.connection.closed).toBeNull()
    expect(await newer.connection.call('ping')).toBe('pong')
    expect(server.peers.size).toBe(1)
  })

  it('says in words when it can not be had', async () => {
    const server = await listening([ping])
    await expect(listening([ping], { port: server.port })).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      data: { reason: 'EADDRINUSE' },
    })
  })

  it('closes all that is open, handshakes too', async () => {
    const server = await listening([ping])
    const { connection } = await dialled(server)
    const socket = await silentSocket(server.port)
    await until(() => server.handshakeCount === 1)
    await server.close()
    await connection.closed
    if (!socket.destroyed) await once(socket.resume(), 'close')
  })
})

describe('a fault of this side', () => {
  it('ends the connection that met it and is told to the log', async () => {
    const fail = () => {
      throw new Error('not yet written')
    }
    const lines: string[] = []
    const logger = { log: (_level: string, _room: string, text: string) => lines.push(text) }
    const judging = await listening([ping], { logger, authorize: fail })
    await expect(dialled(judging)).rejects.toThrow('does not let us in')
    const welcoming = await listening([ping], { logger, methodsFor: fail })
    const { connection } = await dialled(welcoming)
    await connection.closed
    expect(lines).toContain('a peer could not be judged')
    expect(lines).toContain('a peer could not be welcomed')
    expect(welcoming.peers.size).toBe(0)
  })
})
