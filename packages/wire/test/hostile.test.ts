import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connectUnix, type Method, SERVER_LIMITS, type UnixServer } from '../src/index.js'
import { ManualTime } from './manual-time.js'
import { frameOf, rawFrame, requestOf, ScriptedClient } from './scripted-client.js'
import { connected, deferred, served, until } from './served.js'

/** Each of these ends a process that gives such bytes to npm muxrpc unguarded, or would fill it. */

const KIB = 1024
const state = { given: 0, leftCount: 0, inputs: 0 }

const methods: readonly Method[] = [
  { name: 'ping', type: 'sync', handler: () => 'pong' },
  { name: 'blobs.has', type: 'async', handler: async () => true },
  {
    name: 'log',
    type: 'source',
    async *handler() {
      try {
        for (;;) {
          state.given++
          yield { text: 'x'.repeat(KIB) }
        }
      } finally {
        state.leftCount++
      }
    },
  },
  {
    name: 'live',
    type: 'source',
    async *handler(_args, { signal }) {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      state.leftCount++
    },
  },
  {
    name: 'short',
    type: 'source',
    async *handler() {
      yield 1
    },
  },
  {
    name: 'take',
    type: 'sink',
    async handler(_args, { input }) {
      for await (const _item of input) state.inputs++
    },
  },
]

beforeEach(() => {
  vi.spyOn(console, 'error')
})

afterEach(() => {
  // packet-stream prints what it can't place, contents included; none of it may get there.
  expect(console.error).not.toHaveBeenCalled()
  vi.restoreAllMocks()
})

async function setting(options: Parameters<typeof served>[1] = {}) {
  state.given = 0
  state.leftCount = 0
  state.inputs = 0
  const time = new ManualTime()
  const codes: unknown[] = []
  const server = await served(methods, {
    timers: time,
    clock: time,
    logger: { log: (_level, _room, _text, data) => codes.push(data?.code) },
    ...options,
  })
  return { server, time, codes, client: await ScriptedClient.connect(server.path) }
}

/** The others go on. */
async function expectServing(server: UnixServer): Promise<void> {
  const peer = await connectUnix({ path: server.path })
  expect(await peer.call('ping')).toBe('pong')
  await peer.close()
}

describe('a frame that announces too much', () => {
  it.each([
    ['a request of 4 GiB', 2, 0xffffffff, 1],
    ['a request above 1 MiB', 10, SERVER_LIMITS.requestBytes + 1, 1],
    ['bytes above 1 MiB', 8, SERVER_LIMITS.requestBytes + 1, 1],
    ['an answer of 4 GiB', 2, 0xffffffff, -1],
    ['an unsolicited message of 4 GiB', 2, 0xffffffff, 0],
  ])('closes its connection at the header: %s', async (_name, flags, length, req) => {
    const { server, client, codes } = await setting()
    client.send(rawFrame(flags, length, req, Buffer.alloc(0)))
    await client.closed
    expect(codes).toContain('FRAME_TOO_LARGE')
    await expectServing(server)
  })

  it('closes its connection as an item of an open stream', async () => {
    const { server, client, codes } = await setting()
    const header = rawFrame(10, SERVER_LIMITS.frameBytes + 1, 1, Buffer.alloc(0))
    client.send(requestOf(1, ['take'], 'sink'), header)
    await client.closed
    expect(codes).toContain('FRAME_TOO_LARGE')
    await expectServing(server)
  })
})

describe('a request that is none', () => {
  const bodies = [
    null,
    true,
    12,
    'text',
    [],
    {},
    { name: 'ping' },
    { name: ['ping'], args: {} },
    { name: [], args: [] },
    { name: [['ping']], args: [] },
    { name: { 0: 'ping', length: 1 }, args: [] },
    { name: [null], args: [] },
    { name: null, args: [] },
    { name: ['ping'], args: [], type: 'toString' },
    { name: ['ping'], args: [], type: 7 },
    { name: ['emit'], args: [] },
  ]

  it.each(bodies.map((body) => [body]))(
    'is answered with an error, as a call and as a stream: %j',
    async (body) => {
      const { server, client } = await setting()
      client.send(frameOf(1, false, false, body), frameOf(2, true, false, body))
      client.send(requestOf(3, ['ping'], 'async'))
      for (const index of [0, 1]) {
        const frame = await client.frame(index)
        expect(frame).toMatchObject({ req: -1 - index, stream: index === 1, end: true })
        expect(frame?.value).toMatchObject({ name: 'Error', stack: '' })
        expect(frame?.bodyBytes).toBeLessThanOrEqual(512)
      }
      expect(await client.frame(2)).toMatchObject({ req: -3, end: false, value: 'pong' })
      await expectServing(server)
    },
  )

  it('may name its method with a bare string, and leave out its type', async () => {
    const { client } = await setting()
    client.send(frameOf(1, false, false, { name: 'manifest', args: [] }))
    expect((await client.frame(0))?.value).toMatchObject({ ping: 'sync', blobs: { has: 'async' } })
  })

  it.each([
    [['constructor']],
    [['__proto__']],
    [['toString']],
    [['blobs', 'constructor']],
    [['blobs']],
    [['blobs', 'has', 'call']],
    [['__proto__', 'ping']],
  ])('gets no further with the name %j', async (name) => {
    const { server, client } = await setting()
    client.send(requestOf(1, name, 'async'), requestOf(2, name, 'duplex'))
    for (const index of [0, 1]) {
      expect((await client.frame(index))?.value).toMatchObject({
        message: `method:${name.join(',')} is not in list of allowed methods`,
      })
    }
    await expectServing(server)
  })

  it('is told when its type is not the method’s', async () => {
    const { client } = await setting()
    client.send(
      requestOf(1, ['ping'], 'source'),
      requestOf(2, ['log'], 'async'),
      requestOf(3, ['blobs', 'has'], 'sink'),
      frameOf(4, true, false, { name: ['ping'], args: [], type: 'async' }),
    )
    const texts = ['no source:ping', 'no async:log', 'no sink:blobs,has', 'unsupported stream type']
    for (const [index, text] of texts.entries()) {
      const { value } = (await client.frame(index)) ?? {}
      expect((value as { message: string }).message).toContain(text)
    }
  })

  it.each([
    ['no JSON', Buffer.from('{"name":')],
    ['a bomb of arrays', Buffer.from('['.repeat(4000))],
    [
      'nested too deeply',
      Buffer.from(`{"name":["ping"],"args":${'['.repeat(64)}${']'.repeat(64)}}`),
    ],
    ['no UTF-8', Buffer.from([0x7b, 0xff, 0xfe])],
  ])('closes its connection where it is %s', async (_name, body) => {
    const { server, client, codes } = await setting()
    client.send(rawFrame(2, body.length, 1, body))
    await client.closed
    expect(codes).toContain('BAD_JSON')
    await expectServing(server)
  })

  it.each([3, 7, 16, 0x42, 0xff])('closes its connection where its flags are %d', async (flags) => {
    const { server, client, codes } = await setting()
    client.send(rawFrame(flags, 1, 1, Buffer.from('1')))
    await client.closed
    expect(codes).toContain('BAD_FRAME')
    await expectServing(server)
  })
})

describe('frames that belong to nothing', () => {
  it('are counted and dropped', async () => {
    const { server, client } = await setting()
    client.send(
      frameOf(0, false, false, ['emit', 'x']),
      frameOf(-1, false, false, 'answer to nothing'),
      frameOf(-2, true, false, 'item of nothing'),
      frameOf(-3, true, true, true),
      frameOf(9, true, true, true),
      frameOf(8, false, true, { name: ['ping'], args: [] }),
      requestOf(10, ['ping'], 'async'),
    )
    expect(await client.frame(0)).toMatchObject({ req: -10, value: 'pong' })
    expect([...server.connections][0]?.stats).toMatchObject({ droppedFrames: 6 })
  })

  it('may be items for a source, which nobody keeps', async () => {
    const { server, client } = await setting()
    client.send(requestOf(1, ['live'], 'source'))
    for (let i = 0; i < 50; i++) client.send(frameOf(1, true, false, 'x'.repeat(100 * KIB)))
    client.send(requestOf(2, ['ping'], 'async'))
    expect(await client.frame(0)).toMatchObject({ req: -2 })
    expect([...server.connections][0]?.stats).toMatchObject({ droppedFrames: 50, queuedBytes: 0 })
  })

  it('may be late items of a stream that is over', async () => {
    const { client } = await setting()
    client.send(requestOf(1, ['short'], 'source'))
    expect(await client.frame(1)).toMatchObject({ req: -1, end: true })
    client.send(frameOf(1, true, true, true), frameOf(1, true, false, { name: ['ping'], args: [] }))
    client.send(requestOf(2, ['ping'], 'async'))
    expect(await client.frame(2)).toMatchObject({ req: -2, value: 'pong' })
  })

  it('may be requests whose number was used before, which are told so', async () => {
    const { client } = await setting()
    client.send(requestOf(5, ['ping'], 'async'))
    await client.frame(0)
    client.send(requestOf(5, ['ping'], 'async'))
    expect(await client.frame(1)).toMatchObject({
      req: -5,
      end: true,
      value: { message: 'request number 5 was used before' },
    })
  })
})

describe('too many streams', () => {
  it('are refused one by one, and the first ones go on', async () => {
    const { server, client } = await setting()
    const total = 100_000
    const requests: Buffer[] = []
    for (let req = 1; req <= total; req++) requests.push(requestOf(req, ['live'], 'source'))
    await client.sendAll(Buffer.concat(requests))
    const refusedCount = total - SERVER_LIMITS.inboundStreams
    await client.frame(refusedCount - 1)
    expect(client.frames.at(0)).toMatchObject({ req: -257, stream: true, end: true })
    expect(client.frames.at(-1)?.value).toMatchObject({
      message: 'too many open streams, 256 are allowed',
    })
    const [connection] = server.connections
    expect(connection?.stats.inboundStreams).toBe(256)
    client.vanish()
    await connection!.closed
    expect(state.leftCount).toBe(256)
    expect(connection?.stats.inboundStreams).toBe(0)
    await expectServing(server)
  })

  it('cost no memory where the caller does not read the refusals', async () => {
    const { server } = await setting()
    const client = await ScriptedClient.connect(server.path, { reads: false })
    const requests: Buffer[] = []
    for (let req = 1; req <= 200_000; req++) requests.push(requestOf(req, ['none'], 'source'))
    client.send(Buffer.concat(requests))
    const connection = [...server.connections].at(-1)!
    await until(() => connection.stats.unsentBytes >= SERVER_LIMITS.unsentConnectionBytes)
    expect(connection.stats.unsentBytes).toBeLessThan(SERVER_LIMITS.unsentConnectionBytes + 2e6)
    await expectServing(server)
    client.read()
    await client.frame(199_999)
  })

  it('become free again though the caller never says end', async () => {
    const { server, client, time } = await setting({ limits: { inboundStreams: 2 } })
    client.send(requestOf(1, ['short'], 'source'), requestOf(2, ['short'], 'source'))
    await client.frame(3)
    const [connection] = server.connections
    client.send(requestOf(3, ['short'], 'source'))
    expect((await client.frame(4))?.value).toMatchObject({ name: 'Error' })
    time.advance(40_000)
    expect(connection?.stats.inboundStreams).toBe(0)
    client.send(requestOf(4, ['short'], 'source'))
    expect(await client.frame(5)).toMatchObject({ req: -4, value: 1 })
  })
})

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
