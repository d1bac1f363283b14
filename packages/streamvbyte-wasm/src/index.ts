/** Integers in StreamVByte form: `codes` has four 2-bit codes a byte, lowest bits first; `values` the bytes. */
export interface StreamVByte {
  /** How many integers. */
  readonly length: number
  readonly codes: Uint8Array
  readonly values: Uint8Array
}
