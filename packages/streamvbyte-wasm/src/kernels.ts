import { KERNEL_BYTES_BASE64 } from './kernel-bytes.js'
import { quadSizes, WIDTHS_1234, WIDTHS_1248, type Widths } from './stream.js'

/** As much of WebAssembly as is used here. */
declare const WebAssembly:
  | undefined
  | {
      validate(bytes: Uint8Array): boolean
      Module: new (bytes: Uint8Array) => object
      Instance: new (module: object) => { readonly exports: unknown }
    }

/** What `kernels.wat` exports. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly measure1234: Measure
  readonly measure1248: Measure
  readonly decode1234: Code<void>
  readonly decode1248: Code<void>
  readonly encode1234: Code<number>
  readonly encode1248: Code<number>
  readonly zigzag: Convert
  readonly unzigzag: Convert
}
type Measure = (codes: number, codesEnd: number) => number
type Code<Result> = (codes: number, codesEnd: number, values: number, integers: number) => Result
type Convert = (integers: number, integersEnd: number) => number

/** The inner loops with their memory, of which there is one a thread, and never more of it. */
export interface Kernels extends Exports {
  readonly bytes: Uint8Array
  readonly uint32: Uint32Array
  readonly uint64: BigUint64Array
  readonly float64: Float64Array
}

/** Integers that the memory holds: 64 KiB of the widest, which stay in a core's own cache. */
export const CHUNK_LENGTH = 8_192
/** Past the end of its region, a loop may touch so much. */
const SLACK_BYTES = 16
/** A region for `CHUNK_LENGTH` of each; tables are below them. */
export const CODES_ADDRESS = 0x2400
export const INTEGERS_ADDRESS = CODES_ADDRESS + CHUNK_LENGTH / 4 + SLACK_BYTES
/** Half a page aside: a core takes places 4 KiB apart for the same one, and loads would wait for stores. */
export const VALUES_ADDRESS = INTEGERS_ADDRESS + 8 * CHUNK_LENGTH + 2_048

const ROW_BYTES = 16
const DECODE_1234_ADDRESS = 0
const ENCODE_1234_ADDRESS = 4_096
const SIZES_1234_ADDRESS = 8_192
const DECODE_1248_ADDRESS = 8_448
const ENCODE_1248_ADDRESS = 8_704
const SIZES_1248_ADDRESS = 8_960
/** An index that gives 0. */
const NONE = 0x80

/** Writes the rows that spread packed bytes over integers of `integerBytes`, and those that gather them. */
function fillRows(
  bytes: Uint8Array,
  { decode, encode }: { decode: number; encode: number },
  { widths, integerBytes }: { widths: Widths; integerBytes: number },
): void {
  const integers = ROW_BYTES / integerBytes
  const rows = 4 ** integers
  bytes.fill(NONE, decode, decode + rows * ROW_BYTES)
  bytes.fill(NONE, encode, encode + rows * ROW_BYTES)
  for (let row = 0; row < rows; row++) {
    let packed = 0
    for (let integer = 0; integer < integers; integer++) {
      const width = widths[(row >> (2 * integer)) & 3]!
      for (let at = 0; at < width; at++) {
        const spread = integer * integerBytes + at
        bytes[decode + row * ROW_BYTES + spread] = packed
        bytes[encode + row * ROW_BYTES + packed] = spread
        packed += 1
      }
    }
  }
}

function fillTables(bytes: Uint8Array): void {
  const form1234 = { decode: DECODE_1234_ADDRESS, encode: ENCODE_1234_ADDRESS }
  const form1248 = { decode: DECODE_1248_ADDRESS, encode: ENCODE_1248_ADDRESS }
  fillRows(bytes, form1234, { widths: WIDTHS_1234, integerBytes: 4 })
  fillRows(bytes, form1248, { widths: WIDTHS_1248, integerBytes: 8 })
  bytes.set(quadSizes(WIDTHS_1234), SIZES_1234_ADDRESS)
  for (let pair = 0; pair < 16; pair++) {
    bytes[SIZES_1248_ADDRESS + pair] = WIDTHS_1248[pair & 3]! + WIDTHS_1248[pair >> 2]!
  }
}

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

function instantiate(): Kernels | null {
  // Arrays over the memory see its bytes in the order of the machine, the loops always little-endian.
  if (!isLittleEndian || typeof WebAssembly === 'undefined') return null
  const code = Uint8Array.from(atob(KERNEL_BYTES_BASE64), (char) => char.charCodeAt(0))
  if (!WebAssembly.validate(code)) return null
  let exports: Exports
  try {
    exports = new WebAssembly.Instance(new WebAssembly.Module(code)).exports as Exports
  } catch (error) {
    // A process with little address space left has no room for the memory.
    if (error instanceof RangeError) return null
    throw error
  }
  const { buffer } = exports.memory
  const bytes = new Uint8Array(buffer)
  fillTables(bytes)
  return {
    ...exports,
    bytes,
    uint32: new Uint32Array(buffer, INTEGERS_ADDRESS, CHUNK_LENGTH),
    uint64: new BigUint64Array(buffer, INTEGERS_ADDRESS, CHUNK_LENGTH),
    float64: new Float64Array(buffer, INTEGERS_ADDRESS, CHUNK_LENGTH),
  }
}

let instance: Kernels | null | undefined

/** The kernels of this thread, made when first asked for; null where there is no WebAssembly with SIMD. */
export function kernels(): Kernels | null {
  if (instance === undefined) instance = instantiate()
  return instance
}
