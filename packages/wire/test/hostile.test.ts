import { describe, expect, it } from 'vitest'
import { SERVER_LIMITS } from '../src/index.js'
import { expectServing, KIB, setting, state, watchConsole } from './hostile-setting.js'
import { frameOf, rawFrame, requestOf, ScriptedClient } from './scripted-client.js'
import { until } from './served.js'

/** Each of these ends a process that gives such bytes to npm muxrpc unguarded, or would fill it. */

watchConsole()

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
    const unsentConnectionBytes = 256 * KIB
    const { server } = await setting({ limits: { unsentConnectionBytes } })
    const client = await ScriptedClient.connect(server.path, { reads: false })
    const requests: Buffer[] = []
    for (let req = 1; req <= 20_000; req++) requests.push(requestOf(req, ['none'], 'source'))
    client.send(Buffer.concat(requests))
    const connection = [...server.connections].at(-1)!
    await until(() => connection.stats.unsentBytes >= unsentConnectionBytes)
    await expectServing(server)
    const { unsentBytes } = connection.stats
    client.read()
    await client.frame(19_999)
    // What one read of the socket brings beyond the limit, and far from all.
    expect(unsentBytes).toBeLessThan(2 * unsentConnectionBytes)
    expect(client.receivedBytes).toBeGreaterThan(6 * unsentConnectionBytes)
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
