import { describe, expect, test } from 'vitest'
import * as coders from '../src/integers.js'
import { twin } from '../src/twin.js'

describe('integers', () => {
  test('come back at every length, short and long', () => {
    for (let length = 0; length <= 200; length++) {
      const small = Uint32Array.from({ length }, (_, index) => index * 0x0101_0101)
      expect(coders.encode1234(small)).toEqual(twin.encode1234(small))
      expect(coders.decode1234(coders.encode1234(small))).toEqual(small)
      const large = BigUint64Array.from(small, (value) => BigInt(value) ** 2n)
      expect(coders.encode1248(large)).toEqual(twin.encode1248(large))
      expect(coders.decode1248(coders.encode1248(large))).toEqual(large)
      const signed = Float64Array.from(
        small,
        (value, index) => value * 1000 * (index % 2 || -1) + 0,
      )
      expect(coders.encodeZigzag1248(signed)).toEqual(twin.encodeZigzag1248(signed))
      expect(coders.decodeZigzag1248(coders.encodeZigzag1248(signed))).toEqual(signed)
    }
  })

  test.each([4_000_000_000, 2 ** 53, 1e300, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'are not there %d times because a stream says so',
    (length) => {
      const stream = { length, codes: new Uint8Array(16), values: new Uint8Array(64) }
      for (const decode of [coders.decode1234, coders.decode1248, coders.decodeZigzag1248]) {
        expect(() => decode(stream)).toThrow(
          expect.objectContaining({ code: 'STREAMVBYTE_MALFORMED', name: 'StreamVByteError' }),
        )
      }
    },
  )
})
