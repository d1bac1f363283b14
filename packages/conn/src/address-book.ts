/**
 * The addresses that this node remembers, as `conn.json` of the JavaScript stack has them: entries
 * by multiserver address, with whatever fields programs put there. Fields that decide something
 * here are checked; the others are kept as they are, within a bound.
 */
import type { Clock, FileSystem, Logger, Timers } from '@dunbar/actor'
import type { FeedId } from '@dunbar/core'
import { type PeerAddress, parseAddress, parseAddresses } from './address.js'
import { ConnError } from './errors.js'
import { readJsonFile, setAside, writeJsonFile } from './json-file.js'
import type { ConnLimits } from './limits.js'
import { Listeners } from './listeners.js'
import { isStatistics, type Statistics } from './statistics.js'

/** What is remembered of an address. @source npm ssb-conn-db 1.0 */
export interface AddressEntry {
  readonly key: FeedId
  /** What is there: `pub`, `room`, `internet`, … */
  readonly type?: string
  /** Where it is from: `manual`, `seed` (an invite), `pub` (a message), `stored`, … */
  readonly source?: string
  /** Wall time of the entry's making, ms. */
  readonly birth?: number
  /** Wall time of the last attempt, connection or end of one, ms. */
  readonly stateChange?: number
  /** Attempts in a row that failed. */
  readonly failure?: number
  /** How long connections lasted, ms; an attempt that failed counts as 0. */
  readonly duration?: Statistics
  readonly ping?: { readonly rtt: Statistics; readonly skew: Statistics }
  /** False: only dialled when somebody asks for it. */
  readonly autoconnect?: boolean
  /** Whose `pub` message it is from. */
  readonly announcer?: FeedId
  readonly [field: string]: unknown
}

export interface BookEvent {
  readonly type: 'insert' | 'update' | 'delete'
  readonly address: string
}

/** How long changes gather before they are written. */
const WRITE_DELAY_MS = 1_000
/** Entries of these kinds are only true while the peer is near. @source npm ssb-conn 6, `cleanUpDB` */
const PASSING = new Set(['local', 'lan', 'bt'])

export interface BookOptions {
  readonly folder: string
  readonly files: FileSystem
  readonly timers: Timers
  readonly clock: Clock
  readonly logger: Logger
  readonly limits: ConnLimits
}

export class AddressBook {
  readonly #options: BookOptions
  readonly #path: string
  readonly #entries = new Map<string, AddressEntry>()
  readonly #changes = new Listeners<BookEvent>()
  #cancelWrite: (() => void) | null = null
  #writing: Promise<void> = Promise.resolve()
  #isDirty = false
  #isClosed = false

  /** Reads `conn.json`, or `gossip.json` where there is none. A file that can't be read is set aside. */
  constructor(options: BookOptions) {
    this.#options = options
    this.#path = `${options.folder}/conn.json`
    for (const [address, entry] of this.#load()) {
      if (this.#entries.size >= options.limits.bookEntries) break
      this.#entries.set(address, entry)
    }
  }

  get size(): number {
    return this.#entries.size
  }

  get(address: string): AddressEntry | undefined {
    return this.#entries.get(address)
  }

  has(address: string): boolean {
    return this.#entries.has(address)
  }

  entries(): IterableIterator<[string, AddressEntry]> {
    return this.#entries.entries()
  }

  /** An address of this peer, the one that was tried with the best outcome. */
  addressOf(id: FeedId): PeerAddress | null {
    const known = [...this.#entries].filter(([, { key }]) => key === id)
    known.sort(([, one], [, other]) => (one.failure ?? 0) - (other.failure ?? 0))
    return known[0] === undefined ? null : parseAddress(known[0][0])
  }

  /** Adds an entry or puts fields into one. @throws {ADDRESS_BOOK_FULL | BAD_ARGUMENT} */
  set(address: PeerAddress, fields: Readonly<Record<string, unknown>>): void {
    const { text, key } = address
    const held = this.#entries.get(text)
    const entry = this.#checked({ birth: this.#options.clock.now(), ...held, ...fields }, key)
    if (entry === null) {
      const maxBytes = this.#options.limits.bookEntryBytes
      throw new ConnError('BAD_ARGUMENT', `an entry has at most ${maxBytes} bytes`, { maxBytes })
    }
    if (held === undefined) this.#makeRoom()
    this.#entries.set(text, entry)
    this.#changed(held === undefined ? 'insert' : 'update', text)
  }

  /** Puts fields into an entry; nothing where there is none, or no room in it. */
  update(address: string, fields: Partial<AddressEntry>): void {
    const held = this.#entries.get(address)
    const entry = held === undefined ? null : this.#checked({ ...held, ...fields }, held.key)
    if (entry === null) return
    this.#entries.set(address, entry)
    this.#changed('update', address)
  }

  delete(address: string): boolean {
    const isGone = this.#entries.delete(address)
    if (isGone) this.#changed('delete', address)
    return isGone
  }

  /** How many entries are from messages of this author. */
  countOf(announcer: FeedId): number {
    let count = 0
    for (const entry of this.#entries.values()) if (entry.announcer === announcer) count++
    return count
  }

  onChange(listener: (event: BookEvent) => void): () => void {
    return this.#changes.add(listener)
  }

  /** Writes the file, whether it changed or not. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelWrite?.()
    this.#cancelWrite = null
    this.#isDirty = true
    await this.#write()
  }

  #changed(type: BookEvent['type'], address: string): void {
    this.#isDirty = true
    if (!this.#isClosed) {
      this.#cancelWrite ??= this.#options.timers.set(WRITE_DELAY_MS, () => {
        this.#cancelWrite = null
        void this.#write()
      })
    }
    this.#changes.tell({ type, address })
  }

  /** Room for one entry more: what a message brought gives way, the one that failed most first. */
  #makeRoom(): void {
    if (this.#entries.size < this.#options.limits.bookEntries) return
    let worst: string | null = null
    let mostFailures = -1
    for (const [address, { source, failure = 0 }] of this.#entries) {
      if (source !== 'pub' || failure <= mostFailures) continue
      worst = address
      mostFailures = failure
    }
    if (worst === null) {
      const maxEntries = this.#options.limits.bookEntries
      const text = `the address book has ${maxEntries} entries, and none that may be dropped`
      throw new ConnError('ADDRESS_BOOK_FULL', text, { maxEntries })
    }
    this.delete(worst)
  }

  /** One write at a time, each of the newest state. */
  #write(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      if (!this.#isDirty) return
      this.#isDirty = false
      const entries = Object.fromEntries(this.#entries)
      try {
        await writeJsonFile(this.#options.files, this.#path, entries)
      } catch (error) {
        // The node can do without; the next change tries again.
        this.#isDirty = true
        this.#warn('error', 'the address book could not be written', { code: codeOf(error) })
      }
    })
    return this.#writing
  }

  *#load(): Generator<[string, AddressEntry]> {
    const modern = this.#readFile(this.#path)
    if (modern !== undefined) {
      yield* this.#loadEntries(Object.entries(modern as Readonly<Record<string, unknown>>))
      return
    }
    const legacy = this.#readFile(`${this.#options.folder}/gossip.json`)
    if (!Array.isArray(legacy)) return
    const named = legacy.flatMap((entry: unknown): [string, unknown][] => {
      const { address: _, state: __, ...fields } = (entry ?? {}) as Record<string, unknown>
      const address = parseAddress(entry)
      return address === null ? [] : [[address.text, fields]]
    })
    yield* this.#loadEntries(named)
  }

  /** Undefined where there is none that can be used. */
  #readFile(path: string): object | undefined {
    const { files, limits, clock } = this.#options
    const file = readJsonFile(files, path, limits.bookFileBytes)
    if (file.state === 'missing') return undefined
    const isUsable = file.state === 'read' && typeof file.value === 'object' && file.value !== null
    if (isUsable) return file.value as object
    const reason = file.state === 'damaged' ? file.reason : 'it holds no entries'
    const kept = setAside(files, path, clock.now())
    this.#warn('warn', 'an address book that can not be read was set aside', { kept, reason })
    return undefined
  }

  *#loadEntries(given: readonly (readonly [string, unknown])[]): Generator<[string, AddressEntry]> {
    let leftOutCount = 0
    for (const [text, value] of given) {
      const fields = typeof value === 'object' && value !== null ? value : null
      const addresses = fields === null ? [] : parseAddresses(text)
      if (addresses.length === 0) leftOutCount++
      for (const address of addresses) {
        const entry = this.#checked({ ...fields }, address.key)
        if (entry === null) leftOutCount++
        else if (!isPassing(entry)) yield [address.text, entry]
      }
    }
    if (leftOutCount > 0) {
      this.#warn('warn', 'entries of the address book were left out', { leftOutCount })
    }
  }

  /** The entry with fields of the right kind only; null where it is too large. */
  #checked(fields: Readonly<Record<string, unknown>>, key: FeedId): AddressEntry | null {
    const entry: Record<string, unknown> = { ...fields, key }
    const keepOnly = (name: string, isRight: (value: unknown) => boolean): void => {
      if (entry[name] !== undefined && isRight(entry[name])) return
      delete entry[name]
    }
    for (const name of ['birth', 'stateChange']) keepOnly(name, Number.isFinite)
    for (const name of ['type', 'source', 'announcer']) keepOnly(name, isText)
    keepOnly('failure', (value) => Number.isSafeInteger(value) && (value as number) >= 0)
    keepOnly('autoconnect', (value) => typeof value === 'boolean')
    keepOnly('duration', isStatistics)
    keepOnly('ping', (value) => {
      const { rtt, skew } = (value ?? {}) as { rtt?: unknown; skew?: unknown }
      return isStatistics(rtt) && isStatistics(skew)
    })
    const sizeBytes = Buffer.byteLength(JSON.stringify(entry))
    return sizeBytes > this.#options.limits.bookEntryBytes ? null : (entry as AddressEntry)
  }

  #warn(level: 'warn' | 'error', text: string, data: Readonly<Record<string, unknown>>): void {
    this.#options.logger.log(level, 'conn', text, data)
  }
}

const isText = (value: unknown): boolean => typeof value === 'string'

const isPassing = ({ type, source }: AddressEntry): boolean =>
  PASSING.has(type ?? '') || PASSING.has(source ?? '')

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code ?? 'UNKNOWN'
