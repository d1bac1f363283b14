/**
 * StreamVByte over the kernels. Their memory has room for a chunk of integers; longer arrays go
 * through it chunk by chunk, so it never grows. A decoder walks the codes twice, first to compare
 * them with the length of the values, and allocates nothing before that.
 */
import {
  CHUNK_LENGTH,
  CODES_ADDRESS,
  INTEGERS_ADDRESS,
  type Kernels,
  VALUES_ADDRESS,
} from './kernels.js'
import { checkCodes, checkValues, notSafe, type StreamVByte, unusedCodes } from './stream.js'
import type { Coders } from './twin.js'

/** What all arrays of integers can do. */
interface IntegerArray<Self> {
  readonly length: number
  readonly BYTES_PER_ELEMENT: number
  set(values: Self, offset?: number): void
  subarray(from: number, to: number): Self
  slice(from: number, to: number): Self
}

/** A view costs as much as decoding a hundred integers. */
const part = <Self extends IntegerArray<Self>>(array: Self, from: number, to: number): Self =>
  from === 0 && to === array.length ? array : array.subarray(from, to)

/** How one kind of array is coded. */
interface Form<Integers> {
  readonly allocate: (length: number) => Integers
  /** The memory's integers. */
  readonly region: Integers
  readonly measure: Kernels['measure1234']
  readonly encode: Kernels['encode1234']
  readonly decode: Kernels['decode1234']
  /** Turn doubles into what is encoded and back, in the memory; not 0 where that can't be. */
  readonly zigzag?: Kernels['zigzag']
  readonly unzigzag?: Kernels['unzigzag']
}

function encode<Integers extends IntegerArray<Integers>>(
  bytes: Uint8Array,
  form: Form<Integers>,
  integers: Integers,
): StreamVByte {
  const { length, BYTES_PER_ELEMENT } = integers
  const codes: Uint8Array[] = []
  const values: Uint8Array[] = []
  for (let from = 0; from < length; from += CHUNK_LENGTH) {
    const to = Math.min(from + CHUNK_LENGTH, length)
    const codesEnd = CODES_ADDRESS + Math.ceil((to - from) / 4)
    const integersEnd = INTEGERS_ADDRESS + (to - from) * BYTES_PER_ELEMENT
    const unused = unusedCodes(to - from)
    form.region.set(part(integers, from, to))
    // Zeros have code 0 and a byte each, which is left off.
    if (unused > 0) bytes.fill(0, integersEnd, integersEnd + unused * BYTES_PER_ELEMENT)
    if (form.zigzag !== undefined && form.zigzag(INTEGERS_ADDRESS, integersEnd) !== 0) {
      throw notSafe('STREAMVBYTE_UNSAFE_INTEGER')
    }
    const valuesEnd = form.encode(CODES_ADDRESS, codesEnd, VALUES_ADDRESS, INTEGERS_ADDRESS)
    codes.push(bytes.slice(CODES_ADDRESS, codesEnd))
    values.push(bytes.slice(VALUES_ADDRESS, valuesEnd - unused))
  }
  return { length, codes: joined(codes), values: joined(values) }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!
  const whole = new Uint8Array(parts.reduce((sizeBytes, part) => sizeBytes + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function decode<Integers extends IntegerArray<Integers>>(
  bytes: Uint8Array,
  form: Form<Integers>,
  stream: StreamVByte,
): Integers {
  checkCodes(stream)
  const { length, codes, values } = stream
  /** Brings the codes of a chunk to the memory, and says how many bytes of values they ask for. */
  const measure = (from: number, to: number): number => {
    const codesLength = Math.ceil((to - from) / 4)
    bytes.set(part(codes, from / 4, from / 4 + codesLength), CODES_ADDRESS)
    return form.measure(CODES_ADDRESS, CODES_ADDRESS + codesLength) - unusedCodes(to - from)
  }
  /** Decodes a chunk whose codes are in the memory to the memory's integers. */
  const decodeChunk = (chunkLength: number, chunkValues: Uint8Array): void => {
    bytes.set(chunkValues, VALUES_ADDRESS)
    const codesEnd = CODES_ADDRESS + Math.ceil(chunkLength / 4)
    form.decode(CODES_ADDRESS, codesEnd, VALUES_ADDRESS, INTEGERS_ADDRESS)
    const integersEnd = INTEGERS_ADDRESS + chunkLength * form.region.BYTES_PER_ELEMENT
    if (form.unzigzag !== undefined && form.unzigzag(INTEGERS_ADDRESS, integersEnd) !== 0) {
      throw notSafe('STREAMVBYTE_MALFORMED')
    }
  }

  let sizeBytes = 0
  for (let from = 0; from < length; from += CHUNK_LENGTH) {
    sizeBytes += measure(from, Math.min(from + CHUNK_LENGTH, length))
  }
  checkValues(stream, sizeBytes)
  if (length <= CHUNK_LENGTH) {
    decodeChunk(length, values)
    return form.region.slice(0, length)
  }
  const integers = form.allocate(length)
  let at = 0
  for (let from = 0; from < length; from += CHUNK_LENGTH) {
    const to = Math.min(from + CHUNK_LENGTH, length)
    const end = at + measure(from, to)
    decodeChunk(to - from, values.subarray(at, end))
    integers.set(form.region.subarray(0, to - from), from)
    at = end
  }
  return integers
}

/** The same as the twin, by these kernels. */
export function simdCoders(kernels: Kernels): Coders {
  const { bytes } = kernels
  const form1234: Form<Uint32Array> = {
    allocate: (length) => new Uint32Array(length),
    region: kernels.uint32,
    measure: kernels.measure1234,
    encode: kernels.encode1234,
    decode: kernels.decode1234,
  }
  const form1248: Form<BigUint64Array> = {
    allocate: (length) => new BigUint64Array(length),
    region: kernels.uint64,
    measure: kernels.measure1248,
    encode: kernels.encode1248,
    decode: kernels.decode1248,
  }
  const zigzag1248: Form<Float64Array> = {
    ...form1248,
    allocate: (length) => new Float64Array(length),
    region: kernels.float64,
    zigzag: kernels.zigzag,
    unzigzag: kernels.unzigzag,
  }
  return {
    encode1234: (values) => encode(bytes, form1234, values),
    decode1234: (stream) => decode(bytes, form1234, stream),
    encode1248: (values) => encode(bytes, form1248, values),
    decode1248: (stream) => decode(bytes, form1248, stream),
    encodeZigzag1248: (values) => encode(bytes, zigzag1248, values),
    decodeZigzag1248: (stream) => decode(bytes, zigzag1248, stream),
  }
}
