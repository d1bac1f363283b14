import { kernels } from './kernels.js'
import { simdCoders } from './simd.js'
import type { StreamVByte } from './stream.js'
import { type Coders, twin } from './twin.js'

/** From so many integers on, the way to the other memory and back is worth it. */
const SIMD_FROM_LENGTH = 64

let simd: Coders | undefined

/** What codes so many integers fastest here. */
function codersFor(length: number): Coders {
  // Not a length at all is the twin's to refuse.
  if (!(length >= SIMD_FROM_LENGTH)) return twin
  if (simd === undefined) {
    const loops = kernels()
    simd = loops === null ? twin : simdCoders(loops)
  }
  return simd
}

/** Integers of 32 bits in 1, 2, 3 or 4 bytes each. */
export const encode1234 = (values: Uint32Array): StreamVByte =>
  codersFor(values.length).encode1234(values)

/**
 * The integers of a stream of form 1234.
 *
 * @throws {STREAMVBYTE_MALFORMED} before anything is allocated, where `length`, codes and values don't agree
 */
export const decode1234 = (stream: StreamVByte): Uint32Array =>
  codersFor(stream.length).decode1234(stream)

/** Integers of 64 bits in 1, 2, 4 or 8 bytes each. */
export const encode1248 = (values: BigUint64Array): StreamVByte =>
  codersFor(values.length).encode1248(values)

/**
 * The integers of a stream of form 1248.
 *
 * @throws {STREAMVBYTE_MALFORMED} before anything is allocated, where `length`, codes and values don't agree
 */
export const decode1248 = (stream: StreamVByte): BigUint64Array =>
  codersFor(stream.length).decode1248(stream)

/**
 * Safe integers of either sign in 1, 2, 4 or 8 bytes each: `v` as `2v`, or as `-2v - 1` where it is
 * negative. -0 comes back as 0.
 *
 * @throws {STREAMVBYTE_UNSAFE_INTEGER} where a value is no safe integer
 */
export const encodeZigzag1248 = (values: Float64Array): StreamVByte =>
  codersFor(values.length).encodeZigzag1248(values)

/**
 * What `encodeZigzag1248` encoded.
 *
 * @throws {STREAMVBYTE_MALFORMED} before anything is allocated, where `length`, codes and values don't
 * agree; or where a value is no safe integer
 */
export const decodeZigzag1248 = (stream: StreamVByte): Float64Array =>
  codersFor(stream.length).decodeZigzag1248(stream)
