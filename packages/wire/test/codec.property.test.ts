import fc from 'fast-check'
import codec from 'packet-stream-codec'
import { expect, it, vi } from 'vitest'
import type { ByteDuplex, ByteDuplexEvents } from '../src/byte-duplex.js'
import { RpcConnection } from '../src/connection.js'
import { encodeFrame } from '../src/frame.js'
import { type Method, methodTable, SERVER_LIMITS } from '../src/index.js'

/** The other end of a connection, in memory. */
class Bench implements ByteDuplex {
  events: ByteDuplexEvents | null = null
  written: Uint8Array[] = []
  isEnded = false

  start(events: ByteDuplexEvents): void {
    this.events = events
  }

  write(bytes: Uint8Array, done: () => void): void {
    this.written.push(Uint8Array.from(bytes))
    queueMicrotask(done)
  }

  pause(): void {}

  resume(): void {}

  end(): void {
    this.destroy()
  }

  destroy(): void {
    this.isEnded = true
    queueMicrotask(() => this.events?.close())
  }
}

const methods: readonly Method[] = [
  { name: 'ping', type: 'sync', handler: ([value]) => ({ pong: value }) },
  {
    name: 'count',
    type: 'source',
    async *handler() {
      yield 1
      yield 2
    },
  },
  {
    name: 'take',
    type: 'sink',
    async handler(_args, { input }) {
      for await (const _item of input);
    },
  },
  {
    name: 'talk',
    type: 'duplex',
    async *handler(_args, { input }) {
      yield* input
    },
  },
]

const request = (name: string, type: string) =>
  fc.record({
    name: fc.constantFrom<unknown>([name], name),
    args: fc.constantFrom<unknown>([], [1], ['x', null]),
    type: fc.constantFrom<unknown>(type, type, type, 'async', undefined),
  })

const body = fc
  .oneof(
    request('ping', 'async'),
    request('count', 'source'),
    request('take', 'sink'),
    request('talk', 'duplex'),
    fc.jsonValue({ maxDepth: 3 }),
    fc.constant(true),
  )
  .map((value) => Buffer.from(JSON.stringify(value)))

const frame = fc
  .record({
    flags: fc.constantFrom(2, 10, 6, 14, 8, 9, 1, 0),
    number: fc.integer({ min: -4, max: 6 }),
    body: fc.oneof({ weight: 6, arbitrary: body }, { weight: 1, arbitrary: bytesArbitrary() }),
  })
  .map(({ flags, number, body: bytes }) => encodeFrame(flags, number, bytes))

function bytesArbitrary() {
  return fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => Buffer.from(bytes))
}

/** Turns pass until all that can happen without new input has happened. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve))
}

function framesOf(bytes: Buffer) {
  const frames: { req: number; stream: boolean; end: boolean; value: unknown }[] = []
  for (let at = 0; at < bytes.length; ) {
    const head = codec.decodeHead(bytes.subarray(at, at + 9))
    const end = at + 9 + (head.length ?? 0)
    if (head.length === 0) break
    frames.push(codec.decodeBody(bytes.subarray(at + 9, end), head))
    at = end
  }
  return frames
}

it('any frames in any pieces: nothing throws, every call is answered once, every stream ends once', async () => {
  const printed = vi.spyOn(console, 'error')
  await fc.assert(
    fc.asyncProperty(
      fc.array(frame, { maxLength: 12 }),
      fc.array(fc.nat(60), { maxLength: 12 }),
      async (frames, sizes) => {
        const bench = new Bench()
        const connection = new RpcConnection(bench, {
          limits: SERVER_LIMITS,
          methods: methodTable(methods),
        })
        const bytes = Buffer.concat(frames)
        let at = 0
        for (const size of [...sizes, bytes.length]) {
          bench.events?.bytes(Buffer.from(bytes.subarray(at, at + size)))
          at += size
          if (at % 2 === 0) await settled()
        }
        await settled()
        const answers = framesOf(Buffer.concat(bench.written))
        const ends = answers.filter(({ req, stream, end }) => req < 0 && stream && end)
        const finished = ends.map(({ req }) => req)
        expect(new Set(finished).size).toBe(finished.length)
        for (const { req } of answers) expect(req).toBeLessThan(0)
        if (!bench.isEnded) {
          bench.events?.bytes(encodeFrame(2, 1000, Buffer.from('{"name":["ping"],"args":[7]}')))
          await settled()
          const last = framesOf(Buffer.concat(bench.written)).filter(({ req }) => req === -1000)
          expect(last).toMatchObject([{ stream: false, end: false, value: { pong: 7 } }])
        }
        await connection.close()
        await settled()
        expect(connection.stats).toMatchObject({ inboundStreams: 0, pendingCalls: 0 })
        expect(connection.stats.queuedBytes).toBe(0)
      },
    ),
    { numRuns: 300 },
  )
  expect(printed).not.toHaveBeenCalled()
  printed.mockRestore()
})
