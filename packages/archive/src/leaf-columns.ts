/**
 * The columns that the leaves of a block's messages are put into, while a block is made. A leaf has
 * one tag; what else it has goes to the column of its kind. What looks like an id, ciphertext or a
 * hash in hex is kept as bytes, but only where these bytes give the very text again.
 * @source ARCHIVE.md 3.3
 */
import { readHash } from './base64-column.js'
import {
  tagBlobId,
  tagBox,
  tagBox2,
  tagFeedId,
  tagHex,
  tagInt,
  tagMessageId,
  tagString,
} from './value-tag.js'

/** A state of the columns to go back to. */
export interface ColumnsMark {
  readonly tags: number
  readonly integers: number
  readonly strings: number
  readonly keyRefs: number
  readonly keys: number
  readonly binaryLengths: number
  readonly binarySize: number
  readonly doubles: number
}

const hashSize = 32
/** `%`, 44 characters of base64, `.sha256`. */
const hashIdLength = 52
/** `@`, 44 characters of base64, `.ed25519`. */
const feedIdLength = 53
const minHexUnits = 32
const maxHexUnits = 128

export class LeafColumns {
  readonly tags: number[] = []
  /** Integers, counts and ids of signatures, with their sign. */
  readonly integers: number[] = []
  readonly strings: string[] = []
  readonly keyRefs: number[] = []
  readonly binaryLengths: number[] = []
  readonly doubles: number[] = []
  readonly #keyIds = new Map<string, number>()
  #keys = new Uint8Array(64 * hashSize)
  #binary = Buffer.allocUnsafeSlow(4096)
  #binarySize = 0

  /** The distinct ids in order of first use, 32 bytes each. A view: valid until the next leaf. */
  get keys(): Uint8Array {
    return this.#keys.subarray(0, this.#keyIds.size * hashSize)
  }

  /** Ciphertexts and hashes, one after the other. A view: valid until the next leaf. */
  get binary(): Uint8Array {
    return this.#binary.subarray(0, this.#binarySize)
  }

  mark(): ColumnsMark {
    return {
      tags: this.tags.length,
      integers: this.integers.length,
      strings: this.strings.length,
      keyRefs: this.keyRefs.length,
      keys: this.#keyIds.size,
      binaryLengths: this.binaryLengths.length,
      binarySize: this.#binarySize,
      doubles: this.doubles.length,
    }
  }

  /** Takes back every leaf since the mark. */
  rollback(mark: ColumnsMark): void {
    this.tags.length = mark.tags
    this.integers.length = mark.integers
    this.strings.length = mark.strings
    this.keyRefs.length = mark.keyRefs
    this.binaryLengths.length = mark.binaryLengths
    this.#binarySize = mark.binarySize
    this.doubles.length = mark.doubles
    if (this.#keyIds.size === mark.keys) return
    for (const [text, ref] of this.#keyIds) if (ref >= mark.keys) this.#keyIds.delete(text)
  }

  putInteger(value: number): void {
    this.tags.push(tagInt)
    this.integers.push(value)
  }

  /** A leaf that is a text, without a look at what it may be besides. */
  putPlainText(text: string): void {
    this.tags.push(tagString)
    this.strings.push(text)
  }

  /** A leaf that is a text of any kind; false, and nothing put, where it is not well formed. */
  putText(text: string): boolean {
    if (this.#putId(text) || this.#putBox(text) || this.#putHex(text)) return true
    if (!isWellFormed(text)) return false
    this.putPlainText(text)
    return true
  }

  #putId(text: string): boolean {
    const sigil = text.charCodeAt(0)
    if (sigil === 0x25) {
      if (text.length !== hashIdLength || !text.endsWith('=.sha256')) return false
      return this.#putKey(tagMessageId, text)
    }
    if (sigil === 0x40) {
      if (text.length !== feedIdLength || !text.endsWith('=.ed25519')) return false
      return this.#putKey(tagFeedId, text)
    }
    if (sigil === 0x26) {
      if (text.length !== hashIdLength || !text.endsWith('=.sha256')) return false
      return this.#putKey(tagBlobId, text)
    }
    return false
  }

  #putKey(tag: number, text: string): boolean {
    // Canonical base64: the same characters are the same bytes, whatever stands around them.
    const body = text.slice(1, 44)
    let ref = this.#keyIds.get(body)
    if (ref === undefined) {
      ref = this.#keyIds.size
      const at = ref * hashSize
      if (at === this.#keys.length) this.#keys = grown(this.#keys, at * 2)
      if (!readHash(text, 1, this.#keys, at)) return false
      this.#keyIds.set(body, ref)
    }
    this.tags.push(tag)
    this.keyRefs.push(ref)
    return true
  }

  #putBox(text: string): boolean {
    if (text.endsWith('.box')) return this.#putBase64(tagBox, text, text.length - 4)
    if (text.endsWith('.box2')) return this.#putBase64(tagBox2, text, text.length - 5)
    return false
  }

  #putBase64(tag: number, text: string, units: number): boolean {
    if (units % 4 !== 0) return false
    const base64 = text.slice(0, units)
    const at = this.#room(units)
    const size = this.#binary.write(base64, at, 'base64')
    // Node reads what is not canonical too: only what comes out again counts.
    if (this.#binary.toString('base64', at, at + size) !== base64) return false
    this.#putBinary(tag, size)
    return true
  }

  #putHex(text: string): boolean {
    const units = text.length
    if (units < minHexUnits || units > maxHexUnits || units % 2 !== 0) return false
    for (let index = 0; index < units; index++) {
      const unit = text.charCodeAt(index)
      const isHex = (unit >= 0x30 && unit <= 0x39) || (unit >= 0x61 && unit <= 0x66)
      if (!isHex) return false
    }
    this.#putBinary(tagHex, this.#binary.write(text, this.#room(units), 'hex'))
    return true
  }

  #putBinary(tag: number, size: number): void {
    this.tags.push(tag)
    this.binaryLengths.push(size)
    this.#binarySize += size
  }

  /** Where the next bytes go; there is room for `size` of them. */
  #room(size: number): number {
    const needed = this.#binarySize + size
    if (needed > this.#binary.length) {
      const larger = Buffer.allocUnsafeSlow(needed * 2)
      larger.set(this.#binary.subarray(0, this.#binarySize))
      this.#binary = larger
    }
    return this.#binarySize
  }
}

/** True where a text has no lone surrogates, so that it is the same after a way through UTF-8. */
export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed()
}

function grown(bytes: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(size)
  larger.set(bytes)
  return larger
}
