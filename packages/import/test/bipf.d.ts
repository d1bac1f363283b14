declare module 'bipf' {
  /** Encodes a JSON value into memory of its own. */
  export function allocAndEncode(value: unknown): Buffer
  /** Decodes the value at `start`. */
  export function decode(buffer: Buffer, start: number): unknown
}
