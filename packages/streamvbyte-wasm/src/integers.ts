import type { StreamVByte } from './stream.js'
import { twin } from './twin.js'

/** Integers of 32 bits in 1, 2, 3 or 4 bytes each. */
export const encode1234 = (values: Uint32Array): StreamVByte => twin.encode1234(values)

/**
 * The integers of a stream of form 1234.
 *
 * @throws {STREAMVBYTE_MALFORMED} before anything is allocated, where `length`, codes and values don't agree
 */
export const decode1234 = (stream: StreamVByte): Uint32Array => twin.decode1234(stream)

/** Integers of 64 bits in 1, 2, 4 or 8 bytes each. */
export const encode1248 = (values: BigUint64Array): StreamVByte => twin.encode1248(values)

/**
 * The integers of a stream of form 1248.
 *
 * @throws {STREAMVBYTE_MALFORMED} before anything is allocated, where `length`, codes and values don't agree
 */
export const decode1248 = (stream: StreamVByte): BigUint64Array => twin.decode1248(stream)

/**
 * Safe integers of either sign in 1, 2, 4 or 8 bytes each: `v` as `2v`, or as `-2v - 1` where it is
 * negative. -0 comes back as 0.
 *
 * @throws {STREAMVBYTE_UNSAFE_INTEGER} where a value is no safe integer
 */
export const encodeZigzag1248 = (values: Float64Array): StreamVByte => twin.encodeZigzag1248(values)

/**
 * What `encodeZigzag1248` encoded.
 *
 * @throws {STREAMVBYTE_MALFORMED} before anything is allocated, where `length`, codes and values don't
 * agree; or where a value is no safe integer
 */
export const decodeZigzag1248 = (stream: StreamVByte): Float64Array => twin.decodeZigzag1248(stream)
