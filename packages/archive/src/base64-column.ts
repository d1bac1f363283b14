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

/** Two characters at once, for each 12 bits. */
const pairs = Uint16Array.from({ length: 4096 }, (_, bits) => {
  const [first, second] = [units[bits >> 6]!, units[bits & 63]!]
  return isLittleEndian() ? first | (second << 8) : (first << 8) | second
})

function isLittleEndian(): boolean {
  return new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
}

/** What stands around the base64 of a value. */
export interface Base64Frame {
  readonly prefix: string
  readonly suffix: string
}

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
    for (let index = 0; index < count; index++) {
      const frame = frameOf === null ? 0 : frameOf[index]!
      const { prefix, suffix } = around[frame]!
      let at = index * stride + starts[frame]!
      for (let unit = 0; unit < prefix.length; unit++) out[at++] = prefix[unit]!
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
