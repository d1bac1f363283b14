import { describe, expect, it } from 'vitest'
import { SERVER_LIMITS } from '../src/index.js'
import { expectServing, KIB, methods, setting, state, watchConsole } from './hostile-setting.js'
import { frameOf, requestOf, ScriptedClient } from './scripted-client.js'
import { connected, deferred, served, until } from './served.js'

/** Each of these ends a process that gives such bytes to npm muxrpc unguarded, or would fill it. */

watchConsole()

describe('a client that', () => {
  it('sends halves of frames and goes does no harm, wherever it cuts', async () => {
    const { server } = await setting()
    const bytes = Buffer.concat([
      requestOf(1, ['take'], 'sink'),
      frameOf(1, true, false, { a: 1 }),
      requestOf(2, ['log'], 'source'),
    ])
    for (let cut = 0; cut < bytes.length; cut += 5) {
      const client = await ScriptedClient.connect(server.path)
      await client.sendAll(bytes.subarray(0, cut))
      client.vanish()
    }
    await until(() => server.connections.size === 1)
    await expectServing(server)
  })

  it('sends one byte at a time is understood', async () => {
    const { client } = await setting()
    for (const byte of requestOf(1, ['ping'], 'async')) client.send(Buffer.from([byte]))
    expect(await client.frame(0)).toMatchObject({ req: -1, value: 'pong' })
  })

  it('drips a frame is closed when it is slower than a KiB a second', async () => {
    const { server, client, time, codes } = await setting()
    const frame = requestOf(1, ['ping'], 'async', ['x'.repeat(100 * KIB)])
    await client.sendAll(frame.subarray(0, 20))
    await until(() => [...server.connections][0]?.stats.receivedBytes === 20)
    time.advance(9_000)
    expect(server.connections.size).toBe(1)
    time.advance(9_000)
    await client.closed
    expect(codes).toContain('FRAME_TOO_SLOW')
    await expectServing(server)
  })

  it('never reads is not written to for ever: its source is not asked, and it is closed', async () => {
    const { server, time, codes } = await setting()
    const client = await ScriptedClient.connect(server.path, { reads: false })
    await client.sendAll(requestOf(1, ['log'], 'source'))
    const connection = [...server.connections].at(-1)!
    await until(() => connection.stats.unsentBytes >= SERVER_LIMITS.unsentStreamBytes)
    const givenCount = state.given
    await expectServing(server)
    expect(state.given).toBe(givenCount)
    expect(connection.stats.unsentBytes).toBeLessThan(SERVER_LIMITS.unsentStreamBytes + 2 * KIB)
    expect(state.given * KIB).toBeLessThan(4 * 1024 * KIB)
    time.advance(50_000)
    expect(codes).not.toContain('WRITE_STALLED')
    time.advance(20_000)
    expect((await connection.closed)?.code).toBe('WRITE_STALLED')
    expect(state.leftCount).toBe(1)
    await expectServing(server)
  })

  it('never reads holds no more than the connection’s bound with many streams', async () => {
    const { server } = await setting()
    const client = await ScriptedClient.connect(server.path, { reads: false })
    for (let req = 1; req <= 100; req++) await client.sendAll(requestOf(req, ['log'], 'source'))
    const connection = [...server.connections].at(-1)!
    await until(() => connection.stats.unsentBytes >= SERVER_LIMITS.unsentConnectionBytes)
    await expectServing(server)
    const bound = SERVER_LIMITS.unsentConnectionBytes + 100 * 2 * KIB
    expect(connection.stats.unsentBytes).toBeLessThan(bound)
  })

  it('fills a sink that nobody empties is not read any more', async () => {
    const gate = deferred<void>()
    const server = await served([
      ...methods,
      {
        name: 'slow',
        type: 'sink',
        async handler(_args, { input }) {
          await gate.promise
          for await (const _item of input) state.inputs++
        },
      },
    ])
    state.inputs = 0
    const client = await ScriptedClient.connect(server.path)
    const item = frameOf(1, true, false, 'x'.repeat(100 * KIB))
    client.send(requestOf(1, ['slow'], 'sink'))
    for (let i = 0; i < 400; i++) client.send(item)
    const connection = [...server.connections].at(-1)!
    await until(() => connection.stats.queuedBytes >= SERVER_LIMITS.queuedBytes)
    await expectServing(server)
    expect(connection.stats.queuedBytes).toBeLessThan(2 * SERVER_LIMITS.queuedBytes)
    gate.resolve()
    await until(() => state.inputs === 400)
  })

  it('makes more calls than are answered is not read any more', async () => {
    const gate = deferred<void>()
    const server = await served([{ name: 'slow', type: 'async', handler: () => gate.promise }])
    const client = await ScriptedClient.connect(server.path)
    const requests: Buffer[] = []
    for (let req = 1; req <= 20_000; req++) requests.push(requestOf(req, ['slow'], 'async'))
    client.send(Buffer.concat(requests))
    const connection = [...server.connections].at(-1)!
    await until(() => connection.stats.pendingCalls >= SERVER_LIMITS.pendingCalls)
    // What one chunk of the socket holds may come on top.
    expect(connection.stats.pendingCalls).toBeLessThan(SERVER_LIMITS.pendingCalls + 4_000)
    gate.resolve()
    await client.frame(19_999)
    expect(connection.stats.pendingCalls).toBe(0)
  })

  it('vanishes in mid-stream leaves nothing behind', async () => {
    const { server, client } = await setting()
    client.send(requestOf(1, ['log'], 'source'), requestOf(2, ['take'], 'sink'))
    await client.frame(10)
    const connection = [...server.connections].at(-1)!
    client.vanish()
    expect(await connection.closed).toBeNull()
    await until(() => state.leftCount === 1 && connection.stats.inboundStreams === 0)
    await expectServing(server)
  })

  it('says goodbye is answered with one, and its streams end', async () => {
    const { server, client } = await setting()
    client.send(requestOf(1, ['live'], 'source'), requestOf(2, ['ping'], 'async'))
    await client.frame(0)
    client.send(Buffer.alloc(9), requestOf(3, ['ping'], 'async'))
    await client.closed
    expect(client.frames.map(({ value }) => value)).toEqual(['pong', 'GOODBYE'])
    expect(state.leftCount).toBe(1)
    await expectServing(server)
  })
})

describe('more connections than allowed', () => {
  it('leave those alone that were there first', async () => {
    const { server, client } = await setting()
    const first = await connected(server)
    const floods = Array.from({ length: 300 }, () => ScriptedClient.connect(server.path))
    const clients = await Promise.all(floods)
    await until(() => clients.filter(({ isClosed }) => isClosed).length === 300 - 62)
    expect(server.connections.size).toBe(64)
    expect(server.refusedConnections).toBe(300 - 62)
    expect(await first.call('ping')).toBe('pong')
    client.send(requestOf(1, ['ping'], 'async'))
    expect(await client.frame(0)).toMatchObject({ value: 'pong' })
  })
})
