import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CHUNK_LENGTH, kernels } from '../src/kernels.js'
import { simdCoders } from '../src/simd.js'
import type { StreamVByte } from '../src/stream.js'
import { type Coders, twin } from '../src/twin.js'

const simd = simdCoders(kernels()!)

/** What a function gives, or the code of what it throws. */
const outcome = (run: () => unknown): unknown => {
  try {
    return run()
  } catch (error) {
    return (error as { code?: string }).code ?? error
  }
}

/** As `toEqual`, in a thousandth of the time for long arrays. */
const expectEqual = (found: unknown, expected: unknown): void => {
  if (!isDeepStrictEqual(found, expected)) expect(found).toEqual(expected)
}

const decoders = ['decode1234', 'decode1248', 'decodeZigzag1248'] as const
const expectSameDecoding = (stream: StreamVByte) => {
  for (const decoder of decoders) {
    expectEqual(
      outcome(() => simd[decoder](stream)),
      outcome(() => twin[decoder](stream)),
    )
  }
}

const lengths = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 200 }) },
  { weight: 1, arbitrary: fc.integer({ min: CHUNK_LENGTH - 5, max: CHUNK_LENGTH + 5 }) },
  { weight: 1, arbitrary: fc.integer({ min: 2 * CHUNK_LENGTH - 5, max: 3 * CHUNK_LENGTH }) },
)

/** A sequence of 32-bit words that a seed determines. */
function wordsOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x9e3779b9) | 0
    let word = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    word = Math.imul(word ^ (word >>> 15), 0x735a2d97)
    return (word ^ (word >>> 15)) >>> 0
  }
}

/** So many integers below 2^64, as many of each number of bits. */
function integersOf(seed: number, length: number): BigUint64Array {
  const next = wordsOf(seed)
  return BigUint64Array.from({ length }, () => {
    const bits = BigInt(next() % 65)
    return ((BigInt(next()) << 32n) | BigInt(next())) & ((1n << bits) - 1n)
  })
}

/** Some of these are turned into what a stream could hold by damage or malice. */
function damaged(stream: StreamVByte, seed: number): StreamVByte {
  const next = wordsOf(seed)
  let { length } = stream
  let codes = Uint8Array.from(stream.codes)
  let values = Uint8Array.from(stream.values)
  switch (next() % 6) {
    case 0:
      length += (next() % 11) - 5
      break
    case 1:
      length = [4_000_000_000, 2 ** 53, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY][next() % 6]!
      break
    case 2:
      codes[next() % codes.length]! ^= 1 << (next() % 8)
      break
    case 3:
      codes = codes.slice(0, next() % (codes.length + 1))
      break
    case 4:
      values = values.slice(0, next() % (values.length + 1))
      break
    default:
      values = Uint8Array.from([...values, ...values.subarray(0, 1 + (next() % 9))])
  }
  return { length, codes, values }
}

/** The same bytes in the middle of others, at any alignment, as messages of a socket have them. */
const within = (bytes: Uint8Array, offset: number): Uint8Array => {
  const more = Buffer.alloc(bytes.length + offset + 40, 0xa5)
  more.set(bytes, offset)
  return more.subarray(offset, offset + bytes.length)
}

/** Encodes by both, compares, decodes by both, compares. */
function expectSame<Values extends Uint32Array | BigUint64Array | Float64Array>(
  values: Values,
  encode: (coders: Coders) => (values: Values) => StreamVByte,
  decode: (coders: Coders) => (stream: StreamVByte) => Values,
): StreamVByte {
  const coded = encode(simd)(values)
  expectEqual(coded, encode(twin)(values))
  const back = decode(simd)(coded)
  expectEqual(back, values)
  expect(back.byteOffset).toBe(0)
  expect(back.buffer.byteLength).toBe(values.byteLength)
  expectEqual(decode(twin)(coded), values)
  return coded
}

const expectAllSame = (integers: BigUint64Array): StreamVByte[] => [
  expectSame(
    Uint32Array.from(integers, (integer) => Number(integer & 0xffff_ffffn)),
    (coders) => coders.encode1234,
    (coders) => coders.decode1234,
  ),
  expectSame(
    integers,
    (coders) => coders.encode1248,
    (coders) => coders.decode1248,
  ),
  expectSame(
    Float64Array.from(integers, (integer) => {
      const value = Number(integer & 0x1f_ffff_ffff_ffffn)
      return integer >> 63n === 1n && value !== 0 ? -value : value
    }),
    (coders) => coders.encodeZigzag1248,
    (coders) => coders.decodeZigzag1248,
  ),
]

describe('the kernels and the twin', () => {
  test('code every length alike', () => {
    for (let length = 1; length <= 200; length++) expectAllSame(integersOf(length, length))
  })

  test('code every number of bits alike', () => {
    for (let bits = 0n; bits <= 64n; bits++) {
      const most = (1n << bits) - 1n
      expectAllSame(BigUint64Array.from({ length: 67 }, () => most))
      expectAllSame(BigUint64Array.from({ length: 67 }, (_, index) => most >> BigInt(index % 3)))
    }
  })

  test('code every combination of four widths alike', () => {
    const widest = [0xffn, 0xffffn, 0xff_ffffn, 0xffff_ffffn, 2n ** 53n - 1n, 2n ** 64n - 1n]
    const combinations = Array.from({ length: 6 ** 4 }, (_, number) =>
      [1, 6, 36, 216].map((place) => widest[Math.floor(number / place) % 6]!),
    )
    expectAllSame(BigUint64Array.from(combinations.flat()))
  })

  test('code anything alike, in one chunk and in several', () => {
    fc.assert(
      fc.property(fc.integer(), lengths, (seed, length) => {
        expectAllSame(integersOf(seed, length))
      }),
    )
  })

  test('read streams alike, wherever their bytes lie', () => {
    fc.assert(
      fc.property(fc.integer(), lengths, fc.nat(17), fc.nat(17), (seed, length, one, other) => {
        for (const { codes, values } of expectAllSame(integersOf(seed, length))) {
          expectSameDecoding({ length, codes: within(codes, one), values: within(values, other) })
        }
      }),
    )
  })

  test('refuse damaged streams alike', () => {
    fc.assert(
      fc.property(fc.integer(), lengths, fc.integer(), (seed, length, damage) => {
        for (const stream of expectAllSame(integersOf(seed, length))) {
          expectSameDecoding(damaged(stream, damage))
        }
      }),
    )
  })

  test('refuse what is no safe integer alike, at any place', () => {
    const bad = fc.constantFrom(0.5, 2 ** 53, -(2 ** 53), 1e300, -1e-300, Number.NaN, -Infinity)
    fc.assert(
      fc.property(lengths, fc.nat(), bad, (length, place, value) => {
        const values = new Float64Array(length).fill(-3)
        values[place % length] = value
        expect(outcome(() => simd.encodeZigzag1248(values))).toBe('STREAMVBYTE_UNSAFE_INTEGER')
        expect(outcome(() => twin.encodeZigzag1248(values))).toBe('STREAMVBYTE_UNSAFE_INTEGER')
      }),
    )
    const unsafe = fc.constantFrom(2n ** 54n - 1n, 2n ** 54n, 2n ** 63n, 2n ** 64n - 1n)
    fc.assert(
      fc.property(lengths, fc.nat(), unsafe, (length, place, value) => {
        const values = new BigUint64Array(length).fill(2n ** 54n - 2n)
        const safe = twin.encode1248(values)
        expectEqual(simd.decodeZigzag1248(safe), twin.decodeZigzag1248(safe))
        values[place % length] = value
        const stream = twin.encode1248(values)
        expect(outcome(() => simd.decodeZigzag1248(stream))).toBe('STREAMVBYTE_MALFORMED')
        expect(outcome(() => twin.decodeZigzag1248(stream))).toBe('STREAMVBYTE_MALFORMED')
      }),
    )
  })

  test('take -0 for 0', () => {
    const values = new Float64Array(9).fill(-0)
    expect(simd.encodeZigzag1248(values)).toEqual(twin.encodeZigzag1248(values))
    expect(simd.decodeZigzag1248(simd.encodeZigzag1248(values))).toEqual(new Float64Array(9))
  })

  test('do not see what was coded before', () => {
    const first = simd.encode1234(new Uint32Array(100).fill(0xffff_ffff))
    simd.decode1234(first)
    expectAllSame(integersOf(1, 65))
    expect(simd.decode1234(first)).toEqual(new Uint32Array(100).fill(0xffff_ffff))
  })
})
