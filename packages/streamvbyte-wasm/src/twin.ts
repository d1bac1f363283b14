/**
 * StreamVByte in plain TypeScript: what is used where WebAssembly SIMD is missing and for short
 * arrays, and the reference for what is clever.
 *
 * Integers of 64 bits are read and written as two words of 32, because arithmetic on bigint is
 * slower by an order of magnitude. Encoders walk twice: the first time over what each integer needs,
 * so that both arrays are allocated with the sizes that they keep.
 */
import {
  checkCodes,
  checkValues,
  notSafe,
  quadSizes,
  type StreamVByte,
  unusedCodes,
  WIDTHS_1234,
  WIDTHS_1248,
} from './stream.js'

const QUAD_SIZES_1234 = quadSizes(WIDTHS_1234)
const QUAD_SIZES_1248 = quadSizes(WIDTHS_1248)
const TWO_TO_32 = 0x1_0000_0000
const TWO_TO_31 = 0x8000_0000

/** Where a word of an integer of 64 bits lies in an array of words. */
const LOW = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 0 : 1
const HIGH = 1 - LOW

function check(stream: StreamVByte, sizes: Uint8Array): void {
  checkCodes(stream)
  let sizeBytes = -unusedCodes(stream.length)
  for (const quad of stream.codes) sizeBytes += sizes[quad]!
  checkValues(stream, sizeBytes)
}

function encode1234(values: Uint32Array): StreamVByte {
  const { length } = values
  const codes = new Uint8Array(Math.ceil(length / 4))
  let sizeBytes = length
  for (let index = 0; index < length; index++) {
    const value = values[index]!
    const code = value < 0x10000 ? (value < 0x100 ? 0 : 1) : value < 0x1000000 ? 2 : 3
    codes[index >>> 2]! |= code << ((index & 3) << 1)
    sizeBytes += code
  }
  const bytes = new Uint8Array(sizeBytes)
  let at = 0
  for (let index = 0; index < length; index++) {
    const value = values[index]!
    bytes[at++] = value
    if (value < 0x100) continue
    bytes[at++] = value >>> 8
    if (value < 0x10000) continue
    bytes[at++] = value >>> 16
    if (value < 0x1000000) continue
    bytes[at++] = value >>> 24
  }
  return { length, codes, values: bytes }
}

function decode1234(stream: StreamVByte): Uint32Array {
  check(stream, QUAD_SIZES_1234)
  const { length, codes, values } = stream
  const integers = new Uint32Array(length)
  let at = 0
  for (let index = 0; index < length; index++) {
    const code = (codes[index >>> 2]! >> ((index & 3) << 1)) & 3
    let integer = values[at++]!
    if (code > 0) integer |= values[at++]! << 8
    if (code > 1) integer |= values[at++]! << 16
    if (code > 2) integer |= values[at++]! << 24
    integers[index] = integer
  }
  return integers
}

/** Encodes integers of 64 bits, given as pairs of words. */
function encodeWords(words: Uint32Array): StreamVByte {
  const length = words.length / 2
  const codes = new Uint8Array(Math.ceil(length / 4))
  let sizeBytes = 0
  for (let index = 0; index < length; index++) {
    const low = words[2 * index + LOW]!
    const code = words[2 * index + HIGH]! !== 0 ? 3 : low < 0x10000 ? (low < 0x100 ? 0 : 1) : 2
    codes[index >>> 2]! |= code << ((index & 3) << 1)
    sizeBytes += 1 << code
  }
  const bytes = new Uint8Array(sizeBytes)
  let at = 0
  for (let index = 0; index < length; index++) {
    const low = words[2 * index + LOW]!
    const high = words[2 * index + HIGH]!
    bytes[at++] = low
    if (high === 0 && low < 0x100) continue
    bytes[at++] = low >>> 8
    if (high === 0 && low < 0x10000) continue
    bytes[at++] = low >>> 16
    bytes[at++] = low >>> 24
    if (high === 0) continue
    bytes[at++] = high
    bytes[at++] = high >>> 8
    bytes[at++] = high >>> 16
    bytes[at++] = high >>> 24
  }
  return { length, codes, values: bytes }
}

/** Decodes a checked stream to pairs of words. */
function decodeWords({ length, codes, values }: StreamVByte, words: Uint32Array): void {
  const word = (at: number) =>
    values[at]! | (values[at + 1]! << 8) | (values[at + 2]! << 16) | (values[at + 3]! << 24)
  let at = 0
  for (let index = 0; index < length; index++) {
    const code = (codes[index >>> 2]! >> ((index & 3) << 1)) & 3
    if (code === 0) {
      words[2 * index + LOW] = values[at]!
    } else if (code === 1) {
      words[2 * index + LOW] = values[at]! | (values[at + 1]! << 8)
    } else {
      words[2 * index + LOW] = word(at)
      if (code === 3) words[2 * index + HIGH] = word(at + 4)
    }
    at += 1 << code
  }
}

const wordsOf = ({ buffer, byteOffset, length }: BigUint64Array | Float64Array): Uint32Array =>
  new Uint32Array(buffer, byteOffset, 2 * length)

const encode1248 = (values: BigUint64Array): StreamVByte => encodeWords(wordsOf(values))

function decode1248(stream: StreamVByte): BigUint64Array {
  check(stream, QUAD_SIZES_1248)
  const integers = new BigUint64Array(stream.length)
  decodeWords(stream, wordsOf(integers))
  return integers
}

/** `v` becomes `2v`, or `-2v - 1` where it is negative. */
function encodeZigzag1248(values: Float64Array): StreamVByte {
  const words = new Uint32Array(2 * values.length)
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!
    if (!Number.isSafeInteger(value)) throw notSafe('STREAMVBYTE_UNSAFE_INTEGER')
    const sign = value < 0 ? 1 : 0
    const half = sign === 1 ? -value - 1 : value
    const low = half >>> 0
    words[2 * index + LOW] = (low << 1) | sign
    words[2 * index + HIGH] = (((half - low) / TWO_TO_32) << 1) | (low >>> 31)
  }
  return encodeWords(words)
}

function decodeZigzag1248(stream: StreamVByte): Float64Array {
  check(stream, QUAD_SIZES_1248)
  const integers = new Float64Array(stream.length)
  const words = wordsOf(integers)
  decodeWords(stream, words)
  for (let index = 0; index < integers.length; index++) {
    const low = words[2 * index + LOW]!
    const half = words[2 * index + HIGH]! * TWO_TO_31 + (low >>> 1)
    const integer = (low & 1) === 1 ? -half - 1 : half
    if (!Number.isSafeInteger(integer)) throw notSafe('STREAMVBYTE_MALFORMED')
    integers[index] = integer
  }
  return integers
}

/** The six functions that there are of each kind. */
export interface Coders {
  encode1234(values: Uint32Array): StreamVByte
  decode1234(stream: StreamVByte): Uint32Array
  encode1248(values: BigUint64Array): StreamVByte
  decode1248(stream: StreamVByte): BigUint64Array
  encodeZigzag1248(values: Float64Array): StreamVByte
  decodeZigzag1248(stream: StreamVByte): Float64Array
}

/** The same six functions in plain TypeScript: same results, same refusals, at a fraction of the speed. */
export const twin: Coders = {
  encode1234,
  decode1234,
  encode1248,
  decode1248,
  encodeZigzag1248,
  decodeZigzag1248,
}
