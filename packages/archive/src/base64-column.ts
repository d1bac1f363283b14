import { endianness } from 'node:os'

/**
 * Texts of one width around the base64 of values of one size: ids and signatures. All texts of a
 * column are made in one go and given out as slices, which costs a fifth of making them one by one.
 */

const units = Uint8Array.from(
  Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'),
)
const padding = 0x3d

/** Writes base64 with padding at a place in a buffer; gives where it ends. */
export function writeBase64(
  out: Uint8Array,
  outAt: number,
  from: Uint8Array,
  start: number,
  end: number,
): number {
  let at = outAt
  let index = start
  for (; index + 2 < end; index += 3) {
    const group = (from[index]! << 16) | (from[index + 1]! << 8) | from[index + 2]!
    out[at] = units[group >> 18]!
    out[at + 1] = units[(group >> 12) & 63]!
    out[at + 2] = units[(group >> 6) & 63]!
    out[at + 3] = units[group & 63]!
    at += 4
  }
  if (index === end) return at
  const hasTwo = index + 1 < end
  const group = (from[index]! << 16) | (hasTwo ? from[index + 1]! << 8 : 0)
  out[at] = units[group >> 18]!
  out[at + 1] = units[(group >> 12) & 63]!
  out[at + 2] = hasTwo ? units[(group >> 6) & 63]! : padding
  out[at + 3] = padding
  return at + 4
}

const notBase64 = 0x40
const valueOfUnit = new Uint8Array(128).fill(notBase64)
units.forEach((unit, value) => {
  valueOfUnit[unit] = value
})
const hashGroups = 10

/**
 * Reads 32 bytes of canonical base64 from a place in a text: 43 characters, the last with its two
 * low bits 0, without the padding. False, and anything at `outAt`, where something else stands there.
 */
export function readHash(text: string, from: number, out: Uint8Array, outAt: number): boolean {
  let seen = 0
  let at = outAt
  let index = from
  for (let group = 0; group < hashGroups; group++) {
    const first = valueOfUnit[text.charCodeAt(index)] ?? notBase64
    const second = valueOfUnit[text.charCodeAt(index + 1)] ?? notBase64
    const third = valueOfUnit[text.charCodeAt(index + 2)] ?? notBase64
    const fourth = valueOfUnit[text.charCodeAt(index + 3)] ?? notBase64
    seen |= first | second | third | fourth
    out[at] = (first << 2) | (second >> 4)
    out[at + 1] = (second << 4) | (third >> 2)
    out[at + 2] = (third << 6) | fourth
    index += 4
    at += 3
  }
  const first = valueOfUnit[text.charCodeAt(index)] ?? notBase64
  const second = valueOfUnit[text.charCodeAt(index + 1)] ?? notBase64
  const third = valueOfUnit[text.charCodeAt(index + 2)] ?? notBase64
  out[at] = (first << 2) | (second >> 4)
  out[at + 1] = (second << 4) | (third >> 2)
  return ((seen | first | second | third) & notBase64) === 0 && (third & 3) === 0
}

/** Two characters at once, for each 12 bits, in the order of bytes of this machine. */
const pairs = new Uint16Array(4096)
const firstShift = endianness() === 'LE' ? 0 : 8
for (let bits = 0; bits < pairs.length; bits++) {
  pairs[bits] = (units[bits >> 6]! << firstShift) | (units[bits & 63]! << (8 - firstShift))
}

/** What stands around the base64 of a value. */
export interface Base64Frame {
  readonly prefix: string
  readonly suffix: string
}

/** Ids of messages. */
export const keyFrame: readonly Base64Frame[] = [{ prefix: '%', suffix: '.sha256' }]

/** One text a value. */
export class Base64Column {
  readonly #text: string
  readonly #stride: number
  readonly #starts: readonly number[]
  readonly #lengths: readonly number[]
  readonly #frameOf: Uint8Array | null

  /** `frameOf` tells the frame of each value; null: all have the first. */
  constructor(
    values: Uint8Array,
    size: number,
    frames: readonly Base64Frame[],
    frameOf: Uint8Array | null = null,
  ) {
    const count = values.length / size
    const base64Length = Math.ceil(size / 3) * 4
    const around = frames.map(({ prefix, suffix }) => ({
      prefix: Buffer.from(prefix, 'latin1'),
      suffix: Buffer.from(suffix, 'latin1'),
    }))
    // Base64 begins at an even place, so that two characters are one store.
    const starts = around.map(({ prefix }) => prefix.length & 1)
    const lengths = around.map(({ prefix, suffix }) => prefix.length + base64Length + suffix.length)
    const stride = (Math.max(...lengths) + 3) & ~1
    const out = Buffer.from(new ArrayBuffer(count * stride))
    const out16 = new Uint16Array(out.buffer)
    const wholeGroups = Math.floor(size / 3)
    if (frameOf === null) out.fill(frameOnly(around[0]!, starts[0]!, base64Length, stride))
    for (let index = 0; index < count; index++) {
      const frame = frameOf === null ? 0 : frameOf[index]!
      const { prefix, suffix } = around[frame]!
      let at = index * stride + starts[frame]!
      if (frameOf === null) at += prefix.length
      else for (let unit = 0; unit < prefix.length; unit++) out[at++] = prefix[unit]!
      let from = index * size
      let at16 = at >> 1
      for (let group = 0; group < wholeGroups; group++) {
        const bits = (values[from]! << 16) | (values[from + 1]! << 8) | values[from + 2]!
        out16[at16] = pairs[bits >> 12]!
        out16[at16 + 1] = pairs[bits & 4095]!
        from += 3
        at16 += 2
      }
      at = writeBase64(out, at16 * 2, values, from, (index + 1) * size)
      if (frameOf === null) continue
      for (let unit = 0; unit < suffix.length; unit++) out[at++] = suffix[unit]!
    }
    this.#text = out.toString('latin1')
    this.#stride = stride
    this.#starts = starts
    this.#lengths = lengths
    this.#frameOf = frameOf
  }

  /** The text of a value: a slice that keeps the texts of all in memory. */
  at(index: number): string {
    const frame = this.#frameOf === null ? 0 : this.#frameOf[index]!
    const from = index * this.#stride + this.#starts[frame]!
    return this.#text.slice(from, from + this.#lengths[frame]!)
  }
}

function frameOnly(
  { prefix, suffix }: { readonly prefix: Buffer; readonly suffix: Buffer },
  start: number,
  base64Length: number,
  stride: number,
): Buffer {
  const frame = Buffer.alloc(stride)
  frame.set(prefix, start)
  frame.set(suffix, start + prefix.length + base64Length)
  return frame
}
