/**
 * What peers are known to hold, from one session to the next, so that only what has changed is
 * mentioned. One file a peer: `dunbar clock 2` · f64 saved (ms) · u32 count · as many times a 32-byte
 * key, an i32 sequence that the peer holds, and an i32 sequence that was held here · u32 crc32 of all
 * that. A file that can't be read is nothing: the next session mentions every feed.
 *
 * What was held here is kept beside it because it can be less at the next session, after a power cut
 * or from a backup. The peer then believes to have nothing to say of the feed, so it must be told.
 *
 * A file is taken away while its peer is connected, and all of them after a crash: nobody relies on
 * what was believed before it. What was received then may be lost, and a file of an older session may
 * be back, since a power cut can undo its removal. The file `running` stands for a node that has not
 * ended in order; it is on the disk before the first peer comes.
 */
import { crc32 } from 'node:zlib'
import type { FileSystem, Logger } from '@dunbar/actor'
import { type FeedId, feedIdFromBytes, feedIdToBytes } from '@dunbar/core'

const MAGIC = Buffer.from('dunbar clock 2\n')
const HEADER_BYTES = MAGIC.length + 12
const ENTRY_BYTES = 40
const SUM_BYTES = 4
const SUFFIX = '.clock'
const RUNNING = 'running'

export interface PeerClocksOptions {
  readonly files: FileSystem
  readonly folder: string
  readonly maxPeers: number
  readonly maxBytes: number
  /** Whose clock stays longer where there are too many. */
  isFriend(peer: FeedId): boolean
  readonly logger: Logger
  /** Wall time, ms. */
  now(): number
}

/** A feed, the sequence that a peer holds of it, -1 where it refused it, and the one that was held here. */
export type PeerClockEntry = readonly [id: FeedId, theirs: number, ours: number]

export type PeerClock = readonly PeerClockEntry[]

export class PeerClocks {
  readonly #options: PeerClocksOptions
  #isOpen = false

  constructor(options: PeerClocksOptions) {
    this.#options = options
  }

  /** Forgets all where the node did not end in order. Nothing is kept or told before; never rejects. */
  async open(): Promise<void> {
    const { files, folder } = this.#options
    const mark = `${folder}/${RUNNING}`
    try {
      files.makeFolder(folder)
      if (files.stat(mark) !== null) this.#forgetAll()
      else files.open(mark, 'createNew').close()
      await files.syncFolder(folder)
      this.#isOpen = true
    } catch (error) {
      this.#tell('opened', error)
      this.#trying('forgotten', undefined, () => this.#forgetAll())
    }
  }

  /** What is kept counts at the next start once this has resolved; never rejects. */
  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    const { files, folder } = this.#options
    try {
      await files.syncFolder(folder)
      files.remove(`${folder}/${RUNNING}`)
    } catch (error) {
      this.#tell('closed', error)
    }
  }

  /** What is known of a peer, which is forgotten here. Empty where nothing is. */
  take(peer: FeedId): PeerClock {
    if (!this.#isOpen) return []
    const { files } = this.#options
    const path = this.#pathOf(peer)
    return this.#trying('read', [], () => {
      const found = files.stat(path)
      if (found === null) return []
      const bytes = found.sizeBytes > this.#options.maxBytes ? null : files.readFile(path)
      files.remove(path)
      return bytes === null ? [] : (decode(bytes)?.clock ?? [])
    })
  }

  /** Keeps what a peer holds, up to the cap of bytes. Where there are too many, strangers go, then who was kept longest ago. */
  save(peer: FeedId, clock: Iterable<PeerClockEntry>): void {
    if (!this.#isOpen) return
    const { files, folder, now } = this.#options
    this.#trying('kept', undefined, () => {
      const bytes = this.#encode(clock, now())
      if (bytes === null) return
      files.makeFolder(folder)
      const path = this.#pathOf(peer)
      const made = `${path}.new`
      if (files.stat(made) !== null) files.remove(made)
      const handle = files.open(made, 'createNew')
      try {
        handle.write(bytes, 0)
      } finally {
        handle.close()
      }
      files.rename(made, path)
      this.#dropOldest()
    })
  }

  #encode(clock: Iterable<PeerClockEntry>, savedMs: number): Uint8Array | null {
    const room = Math.floor((this.#options.maxBytes - HEADER_BYTES - SUM_BYTES) / ENTRY_BYTES)
    const entries: PeerClockEntry[] = []
    for (const entry of clock) {
      if (entries.length === room) break
      entries.push(entry)
    }
    if (entries.length === 0) return null
    const bytes = Buffer.alloc(HEADER_BYTES + entries.length * ENTRY_BYTES + SUM_BYTES)
    MAGIC.copy(bytes)
    bytes.writeDoubleLE(savedMs, MAGIC.length)
    bytes.writeUInt32LE(entries.length, MAGIC.length + 8)
    let at = HEADER_BYTES
    for (const [id, theirs, ours] of entries) {
      bytes.set(feedIdToBytes(id), at)
      bytes.writeInt32LE(theirs, at + 32)
      bytes.writeInt32LE(ours, at + 36)
      at += ENTRY_BYTES
    }
    bytes.writeUInt32LE(crc32(bytes.subarray(0, at)), at)
    return bytes
  }

  #forgetAll(): void {
    const { files, folder } = this.#options
    for (const name of files.list(folder)) if (name !== RUNNING) files.remove(`${folder}/${name}`)
  }

  #dropOldest(): void {
    const { files, folder, maxPeers, isFriend } = this.#options
    const names = files.list(folder).filter((name) => name.endsWith(SUFFIX))
    if (names.length <= maxPeers) return
    // Some at once, so that the folder is not read through every time.
    const aged = names.map((name) => ({
      name,
      rank: isFriend(peerOf(name)) ? 1 : 0,
      savedMs: this.#savedAt(`${folder}/${name}`),
    }))
    aged.sort((one, other) => one.rank - other.rank || one.savedMs - other.savedMs)
    for (const { name } of aged.slice(0, names.length - Math.floor(maxPeers * 0.9))) {
      files.remove(`${folder}/${name}`)
    }
  }

  /** 0 where that can't be read. */
  #savedAt(path: string): number {
    const handle = this.#options.files.open(path, 'read')
    try {
      const head = Buffer.alloc(8)
      return handle.read(head, 0, 8, MAGIC.length) === 8 ? head.readDoubleLE(0) || 0 : 0
    } finally {
      handle.close()
    }
  }

  #pathOf(peer: FeedId): string {
    return `${this.#options.folder}/${Buffer.from(feedIdToBytes(peer)).toString('hex')}${SUFFIX}`
  }

  /** What can be derived again is not worth a failure. */
  #trying<Value>(what: string, otherwise: Value, run: () => Value): Value {
    try {
      return run()
    } catch (error) {
      this.#tell(what, error)
      return otherwise
    }
  }

  #tell(what: string, error: unknown): void {
    const code = (error as { code?: unknown } | null)?.code ?? null
    const text = `what a peer holds could not be ${what}`
    this.#options.logger.log('warn', 'replicate', text, { code })
  }
}

/** Whose file has this name, which may be that of anything. */
const peerOf = (name: string): FeedId =>
  feedIdFromBytes(Buffer.from(name.padEnd(64, '0').slice(0, 64), 'hex'))

function decode(bytes: Uint8Array): { clock: PeerClock } | null {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.length < HEADER_BYTES + SUM_BYTES) return null
  if (MAGIC.compare(buffer, 0, MAGIC.length) !== 0) return null
  const count = buffer.readUInt32LE(MAGIC.length + 8)
  const end = HEADER_BYTES + count * ENTRY_BYTES
  if (buffer.length !== end + SUM_BYTES) return null
  if (crc32(buffer.subarray(0, end)) !== buffer.readUInt32LE(end)) return null
  const clock: PeerClockEntry[] = []
  for (let at = HEADER_BYTES; at < end; at += ENTRY_BYTES) {
    const theirs = buffer.readInt32LE(at + 32)
    const ours = buffer.readInt32LE(at + 36)
    if (theirs >= -1) clock.push([feedIdFromBytes(buffer.subarray(at, at + 32)), theirs, ours])
  }
  return { clock }
}
