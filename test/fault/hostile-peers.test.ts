import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type FeedId, generateKeys, randomBytes } from '@dunbar/core'
import { dialTcp, methodTable, PEER_LIMITS, type SecurePeer } from '@dunbar/wire'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type HostileOptions, HostilePeer } from '../fixtures/hostile-peer.js'
import { ASYNC_FLAGS, rawFrame, STREAM_FLAGS } from '../fixtures/raw-connection.js'

/**
 * Peers of the network that try to end a node, to fill its memory, or to get in as somebody else.
 * The node under attack is a process of its own: its end is a failure of every test here.
 */

vi.setConfig({ testTimeout: 60_000 })

const PROGRAM = fileURLToPath(new URL('../fixtures/listening-peer.mjs', import.meta.url))
const networkKey = Buffer.alloc(32, 3)
const seed = Buffer.alloc(32, 2)
const target = generateKeys(seed)
/** All peers here come from one address. */
const MANY = {
  connectionsPerAddress: 100,
  handshakesPerAddress: 100,
  handshakes: 100,
  arrivalsPerSecond: 10_000,
  arrivalBurst: 10_000,
}
const CURVE_POINTS = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]
const EDWARDS_POINTS = [
  ...CURVE_POINTS.filter((point) => !/^(e0|5f)/.test(point)),
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
]

interface Status {
  readonly ends: readonly (string | null)[]
  readonly refused: Readonly<Record<string, number>>
  readonly handshakes: number
  readonly peers: readonly {
    readonly remoteId: FeedId
    readonly inboundStreams: number
    readonly unsentBytes: number
    readonly queuedBytes: number
    readonly droppedFrames: number
  }[]
  readonly residentBytes: number
}

interface Setting extends HostileOptions {
  readonly child: ChildProcess
  readonly friend: SecurePeer
  status(): Promise<Status>
  /** Asks until it is so. */
  statusWhere(holds: (status: Status) => boolean): Promise<Status>
  /** Why connections ended, once so many have. */
  endsOf(count: number): Promise<Status['ends']>
}

const children: { readonly child: ChildProcess; readonly said: Buffer[] }[] = []

/** A node as a process, and a friend who is connected from before the attack to its end. */
async function setting(options: object = {}): Promise<Setting> {
  const words = JSON.stringify({ seed: seed.toString('hex'), admission: MANY, ...options })
  const child = spawn(process.execPath, [PROGRAM, words], { stdio: 'pipe' })
  const said: Buffer[] = []
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk))
  children.push({ child, said })
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'close')
    child.kill('SIGKILL')
    await ended
  })
  const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
  const port = Number(first.value)
  const friend = await dialTcp({
    host: '127.0.0.1',
    port,
    remoteKey: target.publicKey,
    keys: generateKeys(),
    networkKey,
    methods: methodTable([]),
  })
  onTestFinished(() => friend.connection.close())
  const status = async () => (await friend.connection.call('status')) as Status
  const statusWhere = async (holds: (status: Status) => boolean) => {
    for (;;) {
      const now = await status()
      if (holds(now)) return now
    }
  }
  const endsOf = async (count: number) =>
    (await statusWhere(({ ends }) => ends.length >= count)).ends
  const place = { port, networkKey, remoteKey: target.publicKey }
  return { ...place, child, friend, status, statusWhere, endsOf }
}

afterEach(async () => {
  for (const { child, said } of children.splice(0)) {
    expect(child.exitCode, Buffer.concat(said).toString()).toBeNull()
    expect(child.signalCode).toBeNull()
    expect(Buffer.concat(said).toString()).toBe('')
  }
})

/** Others are served as if nothing had been. */
async function expectServing({ friend, port }: Setting): Promise<void> {
  expect(await friend.connection.call('ping')).toBe('pong')
  const another = await HostilePeer.inside({ port, networkKey, remoteKey: target.publicKey })
  another.request(ASYNC_FLAGS, 1, { name: ['ping'], args: [] })
  expect(await another.frame(0)).toMatchObject({ request: -1, body: 'pong' })
  another.socket.destroy()
}

describe('a handshake', () => {
  test('with points of low order, which anyone can compute with, ends at the hello', async () => {
    const node = await setting()
    for (const text of CURVE_POINTS) {
      for (const top of [0, 0x80]) {
        const point = Buffer.from(text, 'hex')
        point[31]! |= top
        const peer = await HostilePeer.connect(node)
        peer.send(peer.hello(point))
        expect(await peer.takeHello()).toBe(false)
      }
    }
    const { refused } = await node.status()
    expect(refused['handshake-failed']).toBe(2 * CURVE_POINTS.length)
    await expectServing(node)
  })

  test('under a key of low order and a signature that is anyone’s is not accepted', async () => {
    const node = await setting()
    for (const text of EDWARDS_POINTS) {
      for (const top of [0, 0x80]) {
        const key = Buffer.from(text, 'hex')
        key[31]! |= top
        const peer = await HostilePeer.connect(node)
        peer.send(peer.hello())
        expect(await peer.takeHello()).toBe(true)
        peer.send(peer.auth(Buffer.concat([key, Buffer.alloc(32)]), key))
        expect(await peer.takeAccept()).toBe(false)
      }
    }
    await expectServing(node)
  })

  test('that is slow or never begins is ended, and holds few places meanwhile', async () => {
    const node = await setting({
      handshakeMs: 1_000,
      admission: { ...MANY, handshakesPerAddress: 4 },
    })
    const silent = await Promise.all(Array.from({ length: 3 }, () => HostilePeer.connect(node)))
    const dripping = await HostilePeer.connect(node)
    await node.statusWhere(({ handshakes }) => handshakes === 4)
    const refused = await HostilePeer.connect(node)
    await refused.closed()
    const hello = dripping.hello()
    let at = 0
    const drip = setInterval(() => dripping.send(hello.subarray(at, ++at)), 100)
    onTestFinished(() => clearInterval(drip))
    await Promise.all([...silent, dripping].map((peer) => peer.closed()))
    expect(await node.status()).toMatchObject({
      handshakes: 0,
      refused: { 'too-many-handshakes': 1, 'handshake-timeout': 4 },
    })
    await expectServing(node)
  })

  test('that comes in floods, right at its beginning and garbage then, is let in twenty times', async () => {
    // The friend has come already, so that one arrival of the twenty is gone.
    const node = await setting({
      admission: { ...MANY, arrivalsPerSecond: 0.001, arrivalBurst: 20 },
    })
    const peers = Array.from({ length: 200 }, async () => {
      const peer = await HostilePeer.connect(node)
      peer.send(peer.hello())
      if (await peer.takeHello()) peer.send(randomBytes(112))
      await peer.closed()
    })
    await Promise.all(peers)
    const { refused } = await node.status()
    expect(refused).toMatchObject({ 'handshake-failed': 19, 'too-many-arrivals': 181 })
    expect(await node.friend.connection.call('ping')).toBe('pong')
  })

  test('with another network key, or repeated from another one fails', async () => {
    const node = await setting()
    const stranger = await HostilePeer.connect({ ...node, networkKey: Buffer.alloc(32, 4) })
    stranger.send(stranger.hello())
    expect(await stranger.takeHello()).toBe(false)
    const heard = await HostilePeer.inside(node)
    const replay = await HostilePeer.connect(node)
    replay.send(heard.hello())
    await replay.takeHello()
    replay.send(heard.auth())
    expect(await replay.takeAccept()).toBe(false)
    await expectServing(node)
  })

  test('of an identity that is connected takes its place', async () => {
    const node = await setting()
    const keys = generateKeys()
    const older = await HostilePeer.inside({ ...node, keys })
    const newer = await HostilePeer.inside({ ...node, keys })
    await older.closed()
    newer.request(ASYNC_FLAGS, 1, { name: ['ping'], args: [] })
    expect(await newer.frame(0)).toMatchObject({ body: 'pong' })
    expect(await node.endsOf(1)).toEqual([null])
    await expectServing(node)
  })
})

describe('an encrypted stream', () => {
  test('with a packet above 4,096 bytes is closed', async () => {
    const node = await setting()
    for (const sizeBytes of [4_097, 60_000]) {
      const peer = await HostilePeer.inside(node)
      peer.send(peer.packet(Buffer.alloc(sizeBytes, 8)))
      await peer.closed()
    }
    expect(await node.endsOf(2)).toEqual(['BAD_BOX', 'BAD_BOX'])
    await expectServing(node)
  })

  test('that is cut off, wherever, has no clean end', async () => {
    const node = await setting()
    const cuts = [0, 1, 33, 34, 35, 60]
    for (const cut of cuts) {
      const peer = await HostilePeer.inside(node)
      const packet = peer.packet(rawFrame(ASYNC_FLAGS, 1, '{"name":["ping"],"args":[]}'))
      peer.socket.end(packet.subarray(0, cut))
      await peer.closed()
    }
    expect(await node.endsOf(cuts.length)).toEqual(cuts.map(() => 'TRUNCATED'))
    await expectServing(node)
  })

  test('of garbage, or with a bit that is wrong, is closed', async () => {
    const node = await setting()
    for (let bit = 0; bit < 80; bit += 7) {
      const peer = await HostilePeer.inside(node)
      const packet = peer.packet(Buffer.alloc(50, 8))
      packet[bit]! ^= 1
      peer.send(packet)
      await peer.closed()
    }
    const garbage = await HostilePeer.inside(node)
    garbage.send(randomBytes(100_000))
    await garbage.closed()
    expect(new Set(await node.endsOf(13))).toEqual(new Set(['BAD_BOX']))
    await expectServing(node)
  })
})

describe('a frame', () => {
  test('that announces four GiB is refused at its header', async () => {
    const node = await setting()
    for (const [flags, number] of [
      [ASYNC_FLAGS, 1],
      [STREAM_FLAGS, 1],
      [8, -1],
      [ASYNC_FLAGS, 0],
    ] as const) {
      const peer = await HostilePeer.inside(node)
      const header = rawFrame(flags, number, '')
      header.writeUInt32BE(0xffffffff, 1)
      peer.sendInside(header)
      await peer.closed()
    }
    expect(await node.endsOf(4)).toEqual(new Array(4).fill('FRAME_TOO_LARGE'))
    await expectServing(node)
  })

  test('that comes slower than a KiB a second is not waited for', async () => {
    const node = await setting({ speed: 50, handshakeMs: 1e6, limits: { idleMs: null } })
    const peer = await HostilePeer.inside(node)
    const frame = rawFrame(ASYNC_FLAGS, 1, 'x'.repeat(60_000))
    peer.sendInside(frame.subarray(0, 20))
    let at = 20
    const drip = setInterval(() => peer.sendInside(frame.subarray(at, ++at)), 20)
    onTestFinished(() => clearInterval(drip))
    await peer.closed()
    expect(await node.endsOf(1)).toEqual(['FRAME_TOO_SLOW'])
    await expectServing(node)
  })

  test.each([
    ['nested too deeply, as a request', ASYNC_FLAGS, `{"name":["ping"],"args":${'['.repeat(65)}`],
    ['a bomb of arrays', ASYNC_FLAGS, '['.repeat(60_000)],
    ['no JSON', STREAM_FLAGS, '{"name":'],
  ])('that is %s closes its connection', async (_name, flags, body) => {
    const node = await setting()
    const peer = await HostilePeer.inside(node)
    peer.sendInside(rawFrame(flags, 1, body))
    await peer.closed()
    expect(await node.endsOf(1)).toEqual(['BAD_JSON'])
    await expectServing(node)
  })

  test('that is a bomb inside of a stream ends that stream alone', async () => {
    const node = await setting()
    const peer = await HostilePeer.inside(node)
    peer.request(STREAM_FLAGS, 1, { name: ['echo'], args: [], type: 'duplex' })
    peer.sendInside(rawFrame(STREAM_FLAGS, 1, '['.repeat(100_000)))
    expect(await peer.frame(0)).toMatchObject({ request: -1, body: { code: 'BAD_JSON' } })
    peer.request(ASYNC_FLAGS, 2, { name: ['ping'], args: [] })
    expect(await peer.frame(1)).toMatchObject({ request: -2, body: 'pong' })
    await expectServing(node)
  })

  test('with wrong bits closes its connection at most', async () => {
    const node = await setting()
    const frames = Buffer.concat([
      rawFrame(STREAM_FLAGS, 1, '{"name":["echo"],"args":[],"type":"duplex"}'),
      rawFrame(STREAM_FLAGS, 1, '{"a":[1,2,{"b":"c"}]}'),
      rawFrame(ASYNC_FLAGS, 2, '{"name":["ping"],"args":[]}'),
      rawFrame(STREAM_FLAGS | 4, 1, 'true'),
    ])
    for (let at = 0; at < frames.length; at += 3) {
      const peer = await HostilePeer.inside(node)
      const damaged = Buffer.from(frames)
      damaged[at]! ^= 1 + ((at * 37) % 255)
      peer.sendInside(damaged)
      peer.socket.end(peer.packet(Buffer.alloc(1)))
      await peer.closed()
    }
    await expectServing(node)
  })
})

describe('a request', () => {
  const bodies = [
    null,
    true,
    12,
    'text',
    [],
    {},
    { name: 'ping' },
    { name: null, args: [] },
    { name: ['ping'], args: {} },
    { name: ['ping'], args: null },
    { name: [['ping']], args: [] },
    { args: [] },
    { name: ['ping'], args: [], type: { toString: 1 } },
  ]

  test('that is none is answered with an error, as a call and as a stream', async () => {
    const node = await setting()
    const peer = await HostilePeer.inside(node)
    for (const [index, body] of bodies.entries()) {
      peer.request(ASYNC_FLAGS, 2 * index + 1, body)
      peer.request(STREAM_FLAGS, 2 * index + 2, body)
    }
    for (let index = 0; index < 2 * bodies.length; index++) {
      expect(await peer.frame(index)).toMatchObject({
        request: -1 - index,
        flags: index % 2 === 0 ? ASYNC_FLAGS | 4 : STREAM_FLAGS | 4,
        body: { name: 'Error', stack: '' },
      })
    }
    await expectServing(node)
  })

  test.each([
    [['constructor']],
    [['__proto__']],
    [['toString']],
    [['ping', 'constructor']],
    [['__proto__', 'ping']],
    [['hasOwnProperty', 'call']],
  ])('for %j is told that there is no such method', async (name) => {
    const node = await setting()
    const peer = await HostilePeer.inside(node)
    peer.request(ASYNC_FLAGS, 1, { name, args: [] })
    peer.request(STREAM_FLAGS, 2, { name, args: [], type: 'duplex' })
    const message = `method:${name.join(',')} is not in list of allowed methods`
    expect(await peer.frame(0)).toMatchObject({ body: { message } })
    expect(await peer.frame(1)).toMatchObject({ body: { message } })
    await expectServing(node)
  })
})

describe('streams', () => {
  test('of one peer are 64 at most, however many it opens, and numbers mean one of them', async () => {
    const node = await setting({ limits: { callsPerSecond: null } })
    const peer = await HostilePeer.inside(node)
    const total = 100_000
    const open = (number: number) =>
      rawFrame(STREAM_FLAGS, number, '{"name":["live"],"args":[{"live":true}],"type":"source"}')
    const refusedCount = total - PEER_LIMITS.inboundStreams
    const answers = peer.frame(refusedCount - 1)
    for (let number = 1; number <= total; number += 1000) {
      peer.sendInside(...Array.from({ length: 1000 }, (_, i) => open(number + i)))
    }
    expect(await answers).toMatchObject({ flags: STREAM_FLAGS | 4 })
    peer.sendInside(
      open(1),
      open(-5),
      rawFrame(ASYNC_FLAGS, -7, '1'),
      rawFrame(STREAM_FLAGS | 4, 2_000_000_000, 'true'),
      rawFrame(ASYNC_FLAGS, 0, '1'),
    )
    peer.request(ASYNC_FLAGS, total + 1, { name: ['ping'], args: [] })
    expect(await peer.frame(refusedCount)).toMatchObject({ request: -total - 1, body: 'pong' })
    const { peers } = await node.status()
    const seen = peers.find(({ remoteId }) => remoteId === peer.keys.id)
    expect(seen).toMatchObject({ inboundStreams: 64, droppedFrames: 5 })
    peer.socket.destroy()
    await node.statusWhere(({ peers }) => peers.length === 1)
    await expectServing(node)
  })

  test('whose reader asks for everything and never reads are held back, and ended after a minute', async () => {
    const node = await setting({ speed: 20, handshakeMs: 1e6 })
    const before = (await node.status()).residentBytes
    const peer = await HostilePeer.inside(node)
    for (let number = 1; number <= 60; number++) {
      peer.request(STREAM_FLAGS, number, { name: ['endless'], args: [], type: 'source' })
    }
    const { peers, residentBytes } = await node.statusWhere(({ peers }) =>
      peers.some(({ unsentBytes }) => unsentBytes >= PEER_LIMITS.unsentConnectionBytes),
    )
    const held = Math.max(...peers.map(({ unsentBytes }) => unsentBytes))
    expect(held).toBeLessThan(2 * PEER_LIMITS.unsentConnectionBytes)
    expect(residentBytes - before).toBeLessThan(100 * 2 ** 20)
    expect(await node.endsOf(1)).toEqual(['WRITE_STALLED'])
    await expectServing(node)
  })
})
