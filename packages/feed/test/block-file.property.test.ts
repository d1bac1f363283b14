import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBlockFile, encodeBlockFile } from '../src/block-file.js'

const times = fc.oneof(
  fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 100 }),
  fc
    .array(fc.nat(5000), { minLength: 1, maxLength: 100 })
    .map((steps) => steps.map((step, index) => 1_700_000_000_000 + step / 1000 + index)),
)

const files = fc.record({
  author: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  firstSequence: fc.integer({ min: 1, max: 1_000_000 }),
  dictionary: fc.uint8Array({ maxLength: 40 }),
  block: fc.uint8Array({ maxLength: 200 }),
  frameBytes: fc.nat(100_000),
  times,
})

const encoded = ({ times, ...parts }: Parameters<Parameters<typeof files.map>[0]>[0]) =>
  encodeBlockFile({ ...parts, messageCount: times.length, received: Float64Array.from(times) })

describe('a block file', () => {
  it('gives back its parts, times of arrival to the last bit', () => {
    fc.assert(
      fc.property(files, (file) => {
        const read = decodeBlockFile(encoded(file))
        expect(Array.from(read.received, (time) => [time, Object.is(time, -0)])).toEqual(
          file.times.map((time) => [time, Object.is(time, -0)]),
        )
        expect(read).toMatchObject({
          firstSequence: file.firstSequence,
          messageCount: file.times.length,
          frameBytes: file.frameBytes,
        })
        expect(Buffer.from(read.author).equals(file.author)).toBe(true)
        expect(Buffer.from(read.dictionary).equals(file.dictionary)).toBe(true)
        expect(Buffer.from(read.block).equals(file.block)).toBe(true)
      }),
    )
  })

  it('is refused with any bit turned, and cut at any byte', () => {
    const refused = expect.objectContaining({ code: 'STORE_BLOCK_DAMAGED' })
    fc.assert(
      fc.property(files, fc.nat(), fc.nat(7), (file, place, bit) => {
        const bytes = encoded(file)
        expect(() => decodeBlockFile(bytes.subarray(0, place % bytes.length))).toThrow(refused)
        bytes[place % bytes.length]! ^= 1 << bit
        expect(() => decodeBlockFile(bytes)).toThrow(refused)
      }),
    )
  })

  it('takes times that come in order with a millisecond between them in few bytes', () => {
    const received = Float64Array.from(
      { length: 1000 },
      (_, index) => 1_700_000_000_000 + index * 7,
    )
    const parts = { author: new Uint8Array(32), firstSequence: 1, messageCount: 1000 }
    const empty = { dictionary: new Uint8Array(), block: new Uint8Array(), frameBytes: 0 }
    expect(encodeBlockFile({ ...parts, ...empty, received }).length).toBeLessThan(3000)
  })
})
