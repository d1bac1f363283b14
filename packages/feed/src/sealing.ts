/**
 * Seals the oldest messages of a feed: packs them into block files beside the log, then puts a log
 * without them in the place of the one that has them.
 *
 * `prepare` takes its time, and everybody goes on: it adds files that do not count yet, each written
 * under another name, synced, read back and compared with what the log holds. `commit` replaces the
 * log, which is when the blocks begin to count. Broken off at any point, the log or the blocks are
 * whole, and opening removes what does not count (`sealed-folder.ts`).
 *
 * Where the frames lie in the order of the chain, as they do in nearly every log, their offsets stay.
 * Where they do not (messages came before their predecessor, or again after damage) they are put in
 * order, and what was damaged or came twice is left out.
 */
import { removeIfThere, removeQuietly } from './atomic-file.js'
import { bytesEqual, FRAME_HEADER_BYTES } from './frame.js'
import type { RelayHost, Relaying } from './relaying.js'
import { MAX_BLOCK_FRAME_BYTES, MAX_BLOCK_MESSAGES, openSealedBlock } from './sealed-block.js'
import { blockPath, blocksFolder, nextBlockNumber, relaidLogPath } from './sealed-folder.js'
import { type NextEntry, newLayout, type SealedEntry, SealedPart } from './sealed-part.js'
import { StoreError, storeFailure } from './store-error.js'

/** Packs frames of consecutive messages of a feed into the bytes of a block file. Changes none of them. */
export type PackFrames = (author: Uint8Array, frames: Uint8Array) => Promise<Uint8Array>

/** How much of a feed is sealed. */
export interface SealPolicy {
  /** The newest messages that stay in the log. */
  readonly keepMessages: number
  /** With fewer messages to add, whose signatures are checked, nothing is sealed. At least 1. */
  readonly minMessages: number
  /** Messages of one block at most. Default 1,024. */
  readonly blockMessages?: number
}

/** With fewer messages than this share of a full block, the last block is packed again with what follows. */
const FULL_SHARE = 0.75

/** Frames of consecutive messages. */
interface ReadFrames {
  readonly bytes: Uint8Array
  readonly count: number
}

export class Sealing implements Relaying {
  readonly #host: RelayHost
  readonly #policy: Required<SealPolicy>
  readonly #pack: PackFrames
  /** Files that were made. */
  readonly #paths: string[] = []
  readonly #next: NextEntry[] = []
  /** Blocks that stay. */
  #keptCount = 0
  #isPlaced = false

  constructor(host: RelayHost, policy: SealPolicy, pack: PackFrames) {
    this.#host = host
    this.#policy = { blockMessages: MAX_BLOCK_MESSAGES, ...policy }
    this.#pack = pack
  }

  async prepare(): Promise<void> {
    const { fs, log, names } = this.#host
    const before = this.#before
    // What may have to be cut off again is no part of a block.
    const last = Math.min(this.#headSequence - this.#policy.keepMessages, this.#host.checkedTo())
    const rightCount = this.#rightBlocks(before)
    const isRight = rightCount === before.entries.length && !before.isSalvaged
    if (isRight && last - before.lastSequence < this.#policy.minMessages) return
    this.#keptCount = isRight && !this.#isLastFull(before) ? rightCount - 1 : rightCount
    let from = (before.entries[this.#keptCount - 1]?.lastSequence ?? 0) + 1
    try {
      fs.makeFolder(blocksFolder(log.folder))
    } catch (error) {
      throw storeFailure(error, 'making the folder of blocks')
    }
    let number = nextBlockNumber(fs, log.folder, before)
    while (from <= last) {
      const entry = await this.#writeBlock(number, from, last)
      // A damaged message ends what can be sealed.
      if (entry === null) break
      this.#next.push(entry)
      from = entry.lastSequence + 1
      number += 1
      await this.#host.pause()
    }
    try {
      await fs.syncFolder(blocksFolder(log.folder))
      names.forget(log.feed)
      await names.sync(log.feed, log.folder)
    } catch (error) {
      throw storeFailure(error, 'syncing the folder of blocks')
    }
  }

  async commit(): Promise<boolean> {
    const { fs, log } = this.#host
    const before = this.#before
    const sealed = before.replaced(this.#keptCount, this.#next)
    if (this.#next.length === 0 || sealed.lastSequence < before.lastSequence) return false
    const place = this.#placeOfChain(sealed)
    try {
      await this.#host.sync()
      if (place === 'inOrder' && !before.isSalvaged) await this.#replaceFile(sealed)
      else await this.#putInOrder(sealed)
    } catch (error) {
      throw storeFailure(error, 'putting blocks in the place of messages')
    }
    for (const { number } of before.entries.slice(this.#keptCount)) {
      removeQuietly(fs, blockPath(log.folder, number))
    }
    return true
  }

  end(): void {
    if (this.#isPlaced) return
    const { fs, log } = this.#host
    for (const path of this.#paths) removeQuietly(fs, path)
    if (log.sealed === null) removeQuietly(fs, blocksFolder(log.folder))
  }

  get #before(): SealedPart {
    return this.#host.log.sealed ?? SealedPart.empty(0)
  }

  get #headSequence(): number {
    return this.#host.tables().feeds.headSequence[this.#host.log.feed] as number
  }

  /** The first blocks whose messages lie in them, as far as the tables know. */
  #rightBlocks({ entries, isSalvaged }: SealedPart): number {
    if (isSalvaged) return 0
    const wrong = entries.findIndex(
      ({ firstSequence, lastSequence, start, end }) =>
        this.#lieAt(firstSequence, lastSequence, start) !== end,
    )
    return wrong === -1 ? entries.length : wrong
  }

  /** Where messages end that lie one behind the other from an offset on; -1 where they do not. */
  #lieAt(from: number, to: number, offset: number): number {
    const tables = this.#host.tables()
    const { messages } = tables
    const rows = tables.rowsFrom(this.#host.log.feed, from)
    let at = offset
    for (let index = 0; index <= to - from; index++) {
      const row = rows[index]
      if (row === undefined || messages.sequence[row] !== from + index) return -1
      if (messages.offset[row] !== at) return -1
      at += FRAME_HEADER_BYTES + (messages.length[row] as number)
    }
    return at
  }

  /** @throws {STORE_BUSY} the messages that were packed are not there any more */
  #placeOfChain(sealed: SealedPart): 'inOrder' | 'elsewhere' {
    if (this.#lieAt(1, sealed.lastSequence, 0) === sealed.end) return 'inOrder'
    const tables = this.#host.tables()
    const { messages } = tables
    const rows = tables.rowsFrom(this.#host.log.feed, 1).subarray(0, sealed.lastSequence)
    let bytes = 0
    for (const row of rows) bytes += FRAME_HEADER_BYTES + (messages.length[row] as number)
    if (this.#headSequence >= sealed.lastSequence && bytes === sealed.end) return 'elsewhere'
    throw new StoreError('STORE_BUSY', 'messages changed while they were packed', {
      feed: tables.feedId(this.#host.log.feed),
    })
  }

  /** The next block; null where the first message of it can't be read. */
  async #writeBlock(number: number, from: number, last: number): Promise<NextEntry | null> {
    const { fs, log } = this.#host
    const read = this.#readFrames(from, last)
    if (read === null) return null
    const author = new Uint8Array(this.#host.tables().feeds.id(log.feed))
    const packed = await this.#pack(author, read.bytes)
    const path = blockPath(log.folder, number)
    const made = `${path}.new`
    this.#paths.push(made, path)
    const lastSequence = from + read.count - 1
    const frameBytes = read.bytes.length
    const entry = { number, lastSequence, frameBytes, fileBytes: packed.length }
    try {
      removeIfThere(fs, made)
      const handle = fs.open(made, 'createNew')
      try {
        handle.write(packed, 0)
        await handle.sync()
      } finally {
        handle.close()
      }
      this.#assertSame(made, { ...entry, firstSequence: from, start: 0, end: frameBytes }, read)
      fs.rename(made, path)
    } catch (error) {
      throw storeFailure(error, 'writing a block')
    }
    return entry
  }

  #readFrames(from: number, last: number): ReadFrames | null {
    const { log, reader } = this.#host
    const most = Math.min(last - from + 1, this.#policy.blockMessages)
    const { frames, count } = reader.range(log.feed, from, most, MAX_BLOCK_FRAME_BYTES)
    return count === 0 ? null : { bytes: new Uint8Array(frames), count }
  }

  /** Reads a block back. @throws {STORE_BLOCK_MISMATCH} */
  #assertSame(path: string, entry: SealedEntry, { bytes }: ReadFrames): void {
    const { fs, log } = this.#host
    let read: Uint8Array | null = null
    try {
      read = openSealedBlock(fs, log.folder, entry, path).frames()
    } catch (error) {
      if (!(error instanceof StoreError && error.code === 'STORE_BLOCK_DAMAGED')) throw error
    }
    if (read !== null && bytesEqual(read, bytes)) return
    throw new StoreError('STORE_BLOCK_MISMATCH', 'a block does not hold what was packed into it', {
      feed: this.#host.tables().feedId(log.feed),
      firstSequence: entry.firstSequence,
    })
  }

  /** Offsets stay. */
  async #replaceFile(sealed: SealedPart): Promise<void> {
    const file = this.#host.log.replacement(relaidLogPath(this.#host.log.folder))
    try {
      file.begin(sealed)
      await file.finish(sealed.end, () => this.#placed(sealed, false))
    } catch (error) {
      if (!this.#isPlaced) file.abandon()
      throw error
    }
  }

  /**
   * Frames behind the blocks keep their order and move together.
   * @throws {STORE_ROW_DAMAGED} one of them can't be read; nothing has changed
   */
  async #putInOrder(ordered: SealedPart): Promise<void> {
    const { log, random, reader } = this.#host
    const tables = this.#host.tables()
    const { messages, feeds } = tables
    const sealed = ordered.replaced(ordered.entries.length, [], newLayout(random))
    const rows = tables.rowsFrom(log.feed, 1)
    const rest = rows
      .slice(sealed.lastSequence)
      .sort((left, right) => messages.offset[left]! - messages.offset[right]!)
    const file = log.replacement(relaidLogPath(log.folder))
    try {
      file.begin(sealed)
      for (let at = 0; at < rest.length; ) {
        const read = reader.frames(rest.subarray(at), MAX_BLOCK_FRAME_BYTES)
        if (read.rows.length < read.count) {
          throw new StoreError('STORE_ROW_DAMAGED', 'a message behind those to seal is damaged', {
            feed: tables.feedId(log.feed),
          })
        }
        file.write(new Uint8Array(read.frames))
        at += read.count
        await this.#host.pause()
      }
      await file.finish(null, () => {
        let offset = 0
        for (const row of [...rows.subarray(0, sealed.lastSequence), ...rest]) {
          messages.offset[row] = offset
          offset += FRAME_HEADER_BYTES + (messages.length[row] as number)
        }
        feeds.logBytes[log.feed] = offset
        this.#placed(sealed, true)
      })
    } catch (error) {
      if (!this.#isPlaced) file.abandon()
      throw error
    }
  }

  #placed(sealed: SealedPart, hasMoved: boolean): void {
    this.#isPlaced = true
    this.#host.changed(sealed, hasMoved)
  }

  #isLastFull({ entries }: SealedPart): boolean {
    const last = entries.at(-1)
    if (last === undefined) return true
    const messages = last.lastSequence - last.firstSequence + 1
    return (
      messages >= this.#policy.blockMessages * FULL_SHARE ||
      last.end - last.start >= MAX_BLOCK_FRAME_BYTES * FULL_SHARE
    )
  }
}
