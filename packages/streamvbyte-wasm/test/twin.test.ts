import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { StreamVByte } from '../src/stream.js'
import { twin } from '../src/twin.js'

const stream = (length: number, codes: number[], values: number[]): StreamVByte => ({
  length,
  codes: Uint8Array.from(codes),
  values: Uint8Array.from(values),
})

const malformed = expect.objectContaining({ code: 'STREAMVBYTE_MALFORMED' })
const refused = (run: () => unknown): unknown => {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('was not refused')
}

/** The format in the most obvious way: integers as bigint, codes as a list. */
function slowEncode(integers: readonly bigint[], widths: readonly number[]): StreamVByte {
  const codeOf = (integer: bigint) => widths.findIndex((width) => integer < 1n << BigInt(8 * width))
  const codes: number[] = integers.map(codeOf)
  return stream(
    integers.length,
    Array.from({ length: Math.ceil(codes.length / 4) }, (_, quad) =>
      codes.slice(4 * quad, 4 * quad + 4).reduce((byte, code, at) => byte + code * 4 ** at, 0),
    ),
    integers.flatMap((integer, index) =>
      Array.from({ length: widths[codes[index]!]! }, (_, at) =>
        Number((integer >> BigInt(8 * at)) & 0xffn),
      ),
    ),
  )
}

const zigzag = (value: number): bigint => {
  const big = BigInt(value)
  return big >= 0n ? 2n * big : -2n * big - 1n
}

/** Integers of each width alike, not mostly of the largest. */
const bits = (most: number) =>
  fc.integer({ min: 0, max: most }).chain((n) => fc.bigInt({ min: 0n, max: 2n ** BigInt(n) - 1n }))
const safe = fc.oneof(
  bits(53).map(Number),
  bits(53).map((value) => -Number(value) + 0),
)

describe('the twin', () => {
  test('writes what the format says and reads it back', () => {
    const values = Uint32Array.of(
      0,
      0xff,
      0x100,
      0xffff,
      0x1_0000,
      0xff_ffff,
      0x100_0000,
      2 ** 32 - 1,
    )
    const coded = twin.encode1234(values)
    expect(coded).toEqual(
      stream(
        8,
        [0b01_01_00_00, 0b11_11_10_10],
        [0, 255, 0, 1, 255, 255, 0, 0, 1, 255, 255, 255, 0, 0, 0, 1, 255, 255, 255, 255],
      ),
    )
    expect(twin.decode1234(coded)).toEqual(values)
  })

  test('leaves unused codes 0 and gives them no bytes', () => {
    expect(twin.encode1234(Uint32Array.of(7))).toEqual(stream(1, [0], [7]))
    expect(twin.encode1248(BigUint64Array.of(2n ** 32n))).toEqual(
      stream(1, [3], [0, 0, 0, 0, 1, 0, 0, 0]),
    )
    expect(twin.encode1234(new Uint32Array())).toEqual(stream(0, [], []))
  })

  test('agrees with the format in its most obvious form', () => {
    fc.assert(
      fc.property(
        fc.array(bits(32)),
        fc.array(bits(64)),
        fc.array(safe),
        (small, large, signed) => {
          const form1234 = twin.encode1234(Uint32Array.from(small, Number))
          expect(form1234).toEqual(slowEncode(small, [1, 2, 3, 4]))
          expect([...twin.decode1234(form1234)]).toEqual(small.map(Number))

          const form1248 = twin.encode1248(BigUint64Array.from(large))
          expect(form1248).toEqual(slowEncode(large, [1, 2, 4, 8]))
          expect([...twin.decode1248(form1248)]).toEqual(large)

          const zigzags = twin.encodeZigzag1248(Float64Array.from(signed))
          expect(zigzags).toEqual(slowEncode(signed.map(zigzag), [1, 2, 4, 8]))
          expect([...twin.decodeZigzag1248(zigzags)]).toEqual(signed)
        },
      ),
    )
  })

  test('reads integers that are longer than they need to be', () => {
    expect(twin.decode1234(stream(2, [0b11_01], [5, 0, 6, 0, 0, 0]))).toEqual(Uint32Array.of(5, 6))
  })

  test('takes the largest safe integers, and -0 as 0', () => {
    const values = Float64Array.of(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, -0, -1)
    const back = twin.decodeZigzag1248(twin.encodeZigzag1248(values))
    expect([...back]).toEqual([Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 0, -1])
  })

  test.each([0.5, 2 ** 53, -(2 ** 53), 1e300, Number.NaN, Number.POSITIVE_INFINITY])(
    'encodes no %d, which is no safe integer',
    (value) => {
      expect(refused(() => twin.encodeZigzag1248(Float64Array.of(1, value)))).toEqual(
        expect.objectContaining({ code: 'STREAMVBYTE_UNSAFE_INTEGER' }),
      )
    },
  )

  test('refuses to decode what is no safe integer', () => {
    for (const value of [2n ** 54n - 1n, 2n ** 54n, 2n ** 63n, 2n ** 64n - 1n]) {
      const coded = twin.encode1248(BigUint64Array.of(1n, value))
      expect(refused(() => twin.decodeZigzag1248(coded))).toEqual(malformed)
    }
    expect([...twin.decodeZigzag1248(twin.encode1248(BigUint64Array.of(2n ** 54n - 2n)))]).toEqual([
      Number.MAX_SAFE_INTEGER,
    ])
  })

  test.each<[string, StreamVByte]>([
    ['fewer codes than integers', stream(5, [0], [1, 2, 3, 4, 5])],
    ['more codes than integers', stream(4, [0, 0], [1, 2, 3, 4])],
    ['codes of nothing', stream(0, [0], [])],
    ['values of nothing', stream(0, [], [1])],
    ['truncated values', stream(2, [0b01_01], [1, 0, 2])],
    ['values too many', stream(2, [0], [1, 2, 3])],
    ['an unused code that is not 0', stream(3, [0b01_00_00_00], [1, 2, 3])],
    ['an unused code with bytes of its own', stream(3, [0b01_00_00_00], [1, 2, 3, 4, 0])],
    ['a length of 4 billion', stream(4_000_000_000, [0], [1, 2, 3, 4])],
    ['a negative length', stream(-4, [], [])],
    ['a fractional length', stream(3.5, [0], [1, 2, 3, 4])],
    ['a length that is no number', stream(Number.NaN, [], [])],
  ])('refuses %s', (_, bad) => {
    for (const decode of [twin.decode1234, twin.decode1248, twin.decodeZigzag1248]) {
      expect(refused(() => decode(bad))).toEqual(malformed)
    }
  })
})
