import type { Random } from '@dunbar/actor'

/**
 * Random numbers that one seed decides, the same on every machine: sfc32 (Chris Doty-Humphrey,
 * PractRand), 128 bits of state, period 2^127 on average. The seed text is spread over the state by
 * FNV-1a and 20 rounds are thrown away. Not for keys that guard anything.
 */
export class SeededRandom implements Random {
  #a: number
  #b: number
  #c: number
  #counter: number

  /** Equal seeds give equal numbers; `1` and `'1'` are the same seed. */
  constructor(seed: number | string) {
    const text = String(seed)
    this.#a = fnv1a(text, 0x811c9dc5)
    this.#b = fnv1a(text, 0x9e3779b9)
    this.#c = fnv1a(text, 0x85ebca6b)
    this.#counter = 1
    for (let round = 0; round < 20; round += 1) this.uint32()
  }

  /** An integer in [0, 2^32). */
  uint32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    this.#c |= 0
    return sum >>> 0
  }

  /** A float in [0, 1), with 53 random bits. */
  next(): number {
    const high = this.uint32() >>> 5
    const low = this.uint32() >>> 6
    return (high * 67_108_864 + low) / 9_007_199_254_740_992
  }

  /** `length` bytes in memory of their own. */
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += 4) {
      const word = this.uint32()
      bytes[at] = word
      if (at + 1 < length) bytes[at + 1] = word >>> 8
      if (at + 2 < length) bytes[at + 2] = word >>> 16
      if (at + 3 < length) bytes[at + 3] = word >>> 24
    }
    return bytes
  }

  /** An integer in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.next() * bound)
  }

  /** An integer in [low, high], both ends included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** One element. The list must not be empty. */
  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item
  }

  /** Up to `count` different elements, in random order; the list itself stays as it is. */
  sample<Item>(items: readonly Item[], count: number): Item[] {
    const pool = [...items]
    const wanted = Math.min(count, pool.length)
    for (let at = 0; at < wanted; at += 1) {
      const other = at + this.below(pool.length - at)
      const held = pool[at] as Item
      pool[at] = pool[other] as Item
      pool[other] = held
    }
    return pool.slice(0, wanted)
  }

  /** Normally distributed with mean 0 and deviation 1 (Box-Muller, one of the pair). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()))
    return radius * Math.cos(2 * Math.PI * this.next())
  }

  /** Exponentially distributed with this mean. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next())
  }
}

function fnv1a(text: string, basis: number): number {
  let hash = basis | 0
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193)
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193)
  }
  return hash
}
