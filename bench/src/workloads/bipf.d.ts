/** The part of npm bipf that is measured against. */
declare module 'bipf' {
  /** Encodes a value of JSON into memory of its own. */
  export function allocAndEncode(value: unknown): Buffer
}
