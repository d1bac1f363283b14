/**
 * What keeps publishing locked beside the high-water mark: messages of the own feed that were not
 * signed here, and peers that know more of it than is held. Both say that another copy of the key is
 * in use, or that this one is old. A small file, `publish-claims` beside the mark, tells it across
 * restarts; it is on the disk before such a message is appended, and it names the identity, so that
 * it says nothing about another one.
 */
import type { FileSystem } from '@dunbar/actor'
import type { Sequence } from '@dunbar/core'
import { MAX_SEQUENCE } from '@dunbar/core'
import { replaceFile } from './atomic-file.js'
import { storeFailure } from './store-error.js'

const MAX_FILE_BYTES = 1024
/** A peer that counts up must not keep the disk at work: further claims are kept in memory alone. */
const MAX_CLAIM_WRITES = 64

interface Claims {
  /** Highest sequence that a peer said to know. */
  readonly claimed: Sequence
  /** Claims up to here are void: the user decided that there is nothing there. */
  readonly overruled: Sequence
  /** Nothing is signed until peers have confirmed what is held. */
  readonly isUnconfirmed: boolean
}

const NO_CLAIMS: Claims = { claimed: 0, overruled: 0, isUnconfirmed: false }

export class PublishClaims {
  readonly #fs: FileSystem
  readonly #path: string
  readonly #identity: string
  #claims: Claims
  /** What the file says; null where it may say the one or the other. */
  #saved: Claims | null
  #claimWriteCount = 0

  /**
   * Reads the file; touches the disk. One that can't be understood counts as unconfirmed.
   * @throws {STORE_FAILED} the file is there and can't be read
   */
  constructor(fs: FileSystem, path: string, publicKey: Uint8Array) {
    this.#fs = fs
    this.#path = path
    this.#identity = Buffer.from(publicKey).toString('base64')
    this.#claims = this.#read()
    this.#saved = this.#claims
  }

  /** Highest sequence that a peer said to know; 0 for none. */
  get claimed(): Sequence {
    return this.#claims.claimed
  }

  /** As `claimed`; 0 where the user has decided that it is void. */
  get standing(): Sequence {
    const { claimed, overruled } = this.#claims
    return claimed > overruled ? claimed : 0
  }

  get isUnconfirmed(): boolean {
    return this.#claims.isUnconfirmed
  }

  /**
   * A peer said to know a sequence. Where that is above what is held, resolves when it is on the disk.
   * @throws {STORE_FULL} @throws {STORE_FAILED} it holds until the process ends all the same
   */
  async claim(sequence: Sequence, head: Sequence): Promise<void> {
    const isMissing = sequence > head && sequence > this.#claims.overruled
    const claimed = Math.max(sequence, this.#claims.claimed)
    const isUnconfirmed = this.#claims.isUnconfirmed || isMissing
    this.#claims = { ...this.#claims, claimed, isUnconfirmed }
    if (!isMissing) return
    if (this.#saved?.isUnconfirmed && this.#claimWriteCount >= MAX_CLAIM_WRITES) return
    this.#claimWriteCount += 1
    await this.#save()
  }

  /** Resolves when it is on the disk that peers have to confirm what is held. @throws {STORE_FULL} @throws {STORE_FAILED} */
  async require(): Promise<void> {
    this.#claims = { ...this.#claims, isUnconfirmed: true }
    await this.#save()
  }

  /** Resolves when it is on the disk that what is held is confirmed. @throws {STORE_FULL} @throws {STORE_FAILED} */
  async settle(): Promise<void> {
    await this.#saveThen({ ...this.#claims, isUnconfirmed: false })
  }

  /** As `settle`, by the word of the user: what peers have claimed so far is void. */
  async overrule(): Promise<void> {
    const { claimed, overruled } = this.#claims
    await this.#saveThen({
      claimed,
      overruled: Math.max(claimed, overruled),
      isUnconfirmed: false,
    })
  }

  async #saveThen(claims: Claims): Promise<void> {
    const before = this.#claims
    this.#claims = claims
    try {
      await this.#save()
    } catch (error) {
      // What locks holds on.
      this.#claims = before
      throw error
    }
  }

  async #save(): Promise<void> {
    const claims = this.#claims
    const { claimed, overruled, isUnconfirmed } = claims
    const saved = this.#saved
    const isSaved =
      saved !== null &&
      isUnconfirmed === saved.isUnconfirmed &&
      overruled === saved.overruled &&
      (claimed === saved.claimed || !isUnconfirmed)
    if (isSaved) return
    const text = JSON.stringify({ identity: this.#identity, ...claims })
    this.#saved = null
    await replaceFile(this.#fs, this.#path, Buffer.from(`${text}\n`), 0o600)
    this.#saved = claims
    if (!isUnconfirmed) this.#claimWriteCount = 0
  }

  #read(): Claims {
    let bytes: Uint8Array
    try {
      const found = this.#fs.stat(this.#path)
      if (found === null) return NO_CLAIMS
      bytes = found.sizeBytes > MAX_FILE_BYTES ? new Uint8Array(0) : this.#fs.readFile(this.#path)
    } catch (error) {
      throw storeFailure(error, 'reading the claims on the own feed')
    }
    return parsed(bytes, this.#identity) ?? { ...NO_CLAIMS, isUnconfirmed: true }
  }
}

/** Null for bytes that are no claims; none for those of another identity. */
function parsed(bytes: Uint8Array, identity: string): Claims | null {
  try {
    const value = JSON.parse(Buffer.from(bytes).toString())
    if (typeof value.identity === 'string' && value.identity !== identity) return NO_CLAIMS
    const { claimed, overruled, isUnconfirmed } = value
    const isValid =
      value.identity === identity &&
      isCount(claimed) &&
      isCount(overruled) &&
      typeof isUnconfirmed === 'boolean'
    return isValid ? { claimed, overruled, isUnconfirmed } : null
  } catch {
    return null
  }
}

const isCount = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_SEQUENCE
