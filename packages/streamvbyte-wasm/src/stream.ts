/** Integers in StreamVByte form. */
export interface StreamVByte {
  /** How many integers. */
  readonly length: number
  /** Four 2-bit codes a byte, lowest bits first; unused codes of the last byte are 0. */
  readonly codes: Uint8Array
  /** The bytes of the integers, little-endian, as many of each as its code says; none for unused codes. */
  readonly values: Uint8Array
}

/**
 * `STREAMVBYTE_MALFORMED`: what was to be decoded is no such stream, or holds what its reader can't
 * take. `STREAMVBYTE_UNSAFE_INTEGER`: what was to be encoded is no safe integer.
 */
export type StreamVByteErrorCode = 'STREAMVBYTE_MALFORMED' | 'STREAMVBYTE_UNSAFE_INTEGER'

/** Matched by `code`, never by its text. */
export class StreamVByteError extends Error {
  readonly code: StreamVByteErrorCode
  /** The numbers that don't agree. */
  readonly data: Readonly<Record<string, number>>

  constructor(code: StreamVByteErrorCode, message: string, data: Record<string, number> = {}) {
    super(message)
    this.name = 'StreamVByteError'
    this.code = code
    this.data = data
  }
}

/** Bytes of an integer with code 0, 1, 2, 3. */
export type Widths = readonly [number, number, number, number]

export const WIDTHS_1234: Widths = [1, 2, 3, 4]
export const WIDTHS_1248: Widths = [1, 2, 4, 8]

/** How many bytes the four integers of each byte of codes take together. */
export function quadSizes(widths: Widths): Uint8Array {
  const size = (codes: number) =>
    widths[codes & 3]! + widths[(codes >> 2) & 3]! + widths[(codes >> 4) & 3]! + widths[codes >> 6]!
  return Uint8Array.from({ length: 256 }, (_, codes) => size(codes))
}

/** How many integers the last byte of codes lacks. */
export const unusedCodes = (length: number): number => -length & 3

/**
 * Refuses a stream whose `length` is not the number of its codes, or with an unused code that is
 * not 0. Costs the same for each stream, so that a lie about the length is found before anything is
 * allocated for it.
 *
 * @throws {STREAMVBYTE_MALFORMED}
 */
export function checkCodes({ length, codes }: StreamVByte): void {
  if (!Number.isSafeInteger(length) || length < 0 || codes.length !== Math.ceil(length / 4)) {
    throw new StreamVByteError(
      'STREAMVBYTE_MALFORMED',
      `${length} integers can't have ${codes.length} bytes of codes`,
      { length, codes: codes.length },
    )
  }
  const unused = unusedCodes(length)
  if (unused > 0 && codes[codes.length - 1]! >> (8 - 2 * unused) !== 0) {
    throw new StreamVByteError('STREAMVBYTE_MALFORMED', 'an unused code is not 0')
  }
}

/**
 * Refuses a stream that has other values than its codes say.
 *
 * @throws {STREAMVBYTE_MALFORMED}
 */
export function checkValues({ values }: StreamVByte, sizeBytes: number): void {
  if (values.length !== sizeBytes) {
    throw new StreamVByteError(
      'STREAMVBYTE_MALFORMED',
      `the codes ask for ${sizeBytes} bytes of values, and there are ${values.length}`,
      { expected: sizeBytes, values: values.length },
    )
  }
}

/** What can't be a double without loss. */
export const notSafe = (code: StreamVByteErrorCode): StreamVByteError =>
  new StreamVByteError(code, 'an integer is outside of ±(2^53 - 1), or no integer')
