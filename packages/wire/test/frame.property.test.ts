import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import codec from 'packet-stream-codec'
import { describe, expect, it } from 'vitest'
import {
  END_FLAG,
  encodeFrame,
  FrameReader,
  type FrameVerdict,
  GOODBYE_FRAME,
  STREAM_FLAG,
} from '../src/frame.js'
import { EncodedBody, encodeBody, RawBatch } from '../src/raw.js'
import { ReceivedBody } from '../src/received.js'

interface Vector {
  readonly frame: {
    readonly req: number
    readonly stream: boolean
    readonly end: boolean
    readonly value: unknown
  }
  readonly hex: string
}

const vectors = JSON.parse(
  readFileSync(new URL('./vectors/packet-stream.json', import.meta.url), 'utf8'),
) as { readonly cases: readonly Vector[] }

/** Bytes are written as `{hex}` in the vectors. */
function vectorValue(value: unknown): unknown {
  if (typeof value === 'object' && value !== null && 'hex' in value) {
    return Buffer.from(String(value.hex), 'hex')
  }
  return value
}

interface Cut {
  readonly flags: number
  readonly number: number
  readonly body: Buffer
}

function cut(bytes: Buffer, sizes: readonly number[], judge = (): FrameVerdict => 'take') {
  const frames: Cut[] = []
  let goodbyes = 0
  const reader = new FrameReader({
    judge,
    frame: (flags, number, from, start, end) => {
      frames.push({ flags, number, body: Buffer.from(from.subarray(start, end)) })
    },
    goodbye: () => {
      goodbyes++
    },
  })
  let at = 0
  for (const size of [...sizes, bytes.length]) {
    reader.push(Buffer.from(bytes.subarray(at, at + size)))
    at += size
  }
  return { frames, goodbyes, reader }
}

const frameArbitrary = fc.record({
  flags: fc.nat(15).filter((flags) => (flags & 3) !== 3),
  number: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  body: fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
})

describe('frames', () => {
  it.each(vectors.cases)('match what packet-stream-codec wrote: $hex', ({ frame, hex }) => {
    const body = encodeBody(vectorValue(frame.value), 1e6)!
    const flags = (frame.stream ? STREAM_FLAG : 0) | (frame.end ? END_FLAG : 0) | body.type
    expect(encodeFrame(flags, frame.req, body.bytes).toString('hex')).toBe(hex)

    const { frames } = cut(Buffer.from(hex, 'hex'), [3, 7])
    expect(frames).toHaveLength(1)
    expect(frames[0]).toMatchObject({ flags, number: frame.req })
    const value = new ReceivedBody(frames[0]!.flags & 3, frames[0]!.body).parse(64)
    expect(value).toEqual(vectorValue(frame.value))
  })

  it('come out the same however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(frameArbitrary, { maxLength: 8 }),
        fc.array(fc.nat(30), { maxLength: 20 }),
        (frames, sizes) => {
          const bytes = Buffer.concat(
            frames.map(({ flags, number, body }) => encodeFrame(flags, number, body)),
          )
          expect(cut(bytes, sizes).frames).toEqual(frames)
        },
      ),
    )
  })

  it('are left out whole where they are not wanted, however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(frameArbitrary, { maxLength: 8 }),
        fc.array(fc.nat(30), { maxLength: 20 }),
        (frames, sizes) => {
          const seen: Cut[] = []
          const reader = new FrameReader({
            judge: (_flags, _bytes, number) => (number < 0 ? 'skip' : 'take'),
            frame: (flags, number, from, start, end) => {
              seen.push({ flags, number, body: Buffer.from(from.subarray(start, end)) })
            },
            goodbye: () => {},
          })
          const bytes = Buffer.concat(
            frames.map(({ flags, number, body }) => encodeFrame(flags, number, body)),
          )
          let at = 0
          for (const size of [...sizes, bytes.length]) {
            reader.push(Buffer.from(bytes.subarray(at, at + size)))
            at += size
          }
          expect(seen).toEqual(frames.filter(({ number }) => number >= 0))
        },
      ),
    )
  })

  it('never make the reader throw, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(20)), (bytes, sizes) => {
        cut(Buffer.from(bytes), sizes)
      }),
    )
  })

  it('are not looked at behind a goodbye or a refusal', () => {
    const frame = encodeFrame(2, 1, Buffer.from('1'))
    const behindGoodbye = cut(Buffer.concat([frame, GOODBYE_FRAME, frame]), [])
    expect(behindGoodbye.frames).toHaveLength(1)
    expect(behindGoodbye.goodbyes).toBe(1)
    expect(cut(Buffer.concat([frame, frame]), [], () => 'refuse').frames).toHaveLength(0)
  })

  it('keep no more than came of a body that is announced and does not come', () => {
    const head = encodeFrame(2, 1, Buffer.from('x')).subarray(0, 9)
    head.writeUInt32BE(0xffffffff, 1)
    const { reader } = cut(Buffer.concat([head, Buffer.alloc(100)]), [])
    expect(reader.partialBytes).toBe(109)
  })
})

describe('RawBatch', () => {
  it('gives the bytes that packet-stream-codec gives for the items one by one', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.integer(), (values, number) => {
        const bodies = values.map((value) => Buffer.from(JSON.stringify(value)))
        const expected = Buffer.concat(
          bodies.flatMap((body) => {
            const [head] = codec.encodePair({ req: number, stream: true, end: false, value: {} })
            head.writeUInt32BE(body.length, 1)
            return [head, body]
          }),
        )
        expect(RawBatch.ofBodies(bodies).frames(number)).toEqual(expected)

        const ranges = new Uint32Array(bodies.length * 2)
        let at = 0
        for (const [index, body] of bodies.entries()) {
          at += 3
          ranges[index * 2] = at
          at += body.length
          ranges[index * 2 + 1] = at
        }
        const spread = Buffer.concat(bodies.flatMap((body) => [Buffer.alloc(3), body]))
        expect(RawBatch.ofRanges(spread, ranges).frames(number)).toEqual(expected)
      }),
    )
  })

  it('leaves out empty bodies, which would say goodbye', () => {
    expect(RawBatch.ofBodies([Buffer.alloc(0)]).frames(1)).toHaveLength(0)
    expect(RawBatch.ofRanges(Buffer.alloc(4), new Uint32Array([2, 2])).frames(1)).toHaveLength(0)
  })

  it('refuses ranges that do not lie in its bytes', () => {
    expect(() => RawBatch.ofRanges(Buffer.alloc(4), new Uint32Array([0, 5]))).toThrow(RangeError)
    expect(() => RawBatch.ofRanges(Buffer.alloc(4), new Uint32Array([3, 2]))).toThrow(RangeError)
    expect(() => RawBatch.ofRanges(Buffer.alloc(4), new Uint32Array([3]))).toThrow(RangeError)
  })
})

describe('encodeBody', () => {
  it('sends an empty string as JSON and no empty bytes, since an empty body says goodbye', () => {
    expect(encodeBody('', 10)).toEqual(new EncodedBody(2, Buffer.from('""')))
    expect(encodeBody(new Uint8Array(0), 10)).toBeNull()
  })

  it.each([
    ['a cycle', cycle],
    ['a bigint', () => 1n],
    ['a function', () => () => {}],
  ])('refuses %s', (_name, value) => {
    expect(() => encodeBody(value(), 10)).toThrow(expect.objectContaining({ code: 'UNSENDABLE' }))
  })

  it('refuses what is larger than may be sent', () => {
    expect(() => encodeBody('abcde', 4)).toThrow(expect.objectContaining({ code: 'UNSENDABLE' }))
    expect(encodeBody('abcd', 4)?.bytes).toHaveLength(4)
  })
})

function cycle(): unknown {
  const self: { self?: unknown } = {}
  self.self = self
  return self
}
