/** The block files in a feed's folder: their names, which of them count, and what is left over. */
import type { FileSystem } from '@dunbar/actor'
import { removeQuietly } from './atomic-file.js'
import { BLOCK_HEADER_BYTES, readBlockHeader } from './block-file.js'
import { MAX_FRAME_BYTES, probeFrame, viewOf } from './frame.js'
import { type NextEntry, SealedPart } from './sealed-part.js'
import { StoreError } from './store-error.js'

const namePattern = /^(\d{4,10})\.bipf2$/

/** The folder of a feed's block files. It is there for feeds with blocks alone. */
export const blocksFolder = (folder: string): string => `${folder}/blocks`

/** A block file of a feed. */
export const blockPath = (folder: string, number: number): string =>
  `${blocksFolder(folder)}/${String(number).padStart(4, '0')}.bipf2`

/** Where a log is made that blocks stand before, or no longer do: where left-overs are looked for. */
export const relaidLogPath = (folder: string): string => `${blocksFolder(folder)}/log.new`

/**
 * What of a feed's log lies in blocks, where there is a folder for them; null where that is nothing.
 * Where the head of the log is lost, the block files tell for themselves. Errors of the file system
 * pass through.
 */
export function readSealedPart(fs: FileSystem, folder: string): SealedPart | null {
  const first = firstBytes(fs, `${folder}/log`)
  const head = SealedPart.decode(first)
  if (head.ok) return head.part
  // A log that begins with a frame is a whole one: beside it lie blocks that do not count yet, or no more.
  if (head.reason === 'none' && beginsWithFrame(first(MAX_FRAME_BYTES))) return null
  return salvagedPart(fs, folder)
}

/**
 * What the block files of a folder hold from the first message on, where nothing else tells. The file
 * of the log is taken for frames from its first byte on; null where there is no block.
 */
function salvagedPart(fs: FileSystem, folder: string): SealedPart | null {
  const found = new Map<number, NextEntry>()
  for (const name of fs.list(blocksFolder(folder))) {
    const number = Number(namePattern.exec(name)?.[1] ?? Number.NaN)
    const next = Number.isNaN(number) ? null : entryOfFile(fs, folder, number)
    if (next === null) continue
    const { firstSequence, entry } = next
    const other = found.get(firstSequence)
    if (other === undefined || other.lastSequence < entry.lastSequence) {
      found.set(firstSequence, entry)
    }
  }
  const entries: NextEntry[] = []
  for (let entry = found.get(1); entry !== undefined; entry = found.get(entry.lastSequence + 1)) {
    entries.push(entry)
  }
  return entries.length === 0 ? null : SealedPart.salvaged(entries)
}

function entryOfFile(
  fs: FileSystem,
  folder: string,
  number: number,
): { readonly firstSequence: number; readonly entry: NextEntry } | null {
  const path = blockPath(folder, number)
  try {
    const header = readBlockHeader(firstBytes(fs, path)(BLOCK_HEADER_BYTES))
    const { firstSequence, messageCount, frameBytes } = header
    const lastSequence = firstSequence + messageCount - 1
    const fileBytes = fs.stat(path)?.sizeBytes ?? 0
    return { firstSequence, entry: { number, lastSequence, frameBytes, fileBytes } }
  } catch (error) {
    if (error instanceof StoreError) return null
    throw error
  }
}

/**
 * Removes what sealing or unsealing left in a feed's folder when it was broken off. What can't be
 * removed takes room and harms nobody. Nothing is removed where the head of the log is lost. There is
 * a folder for blocks.
 * @param sealed what counts, as `readSealedPart` gave it
 */
export function tidyBlocks(fs: FileSystem, folder: string, sealed: SealedPart | null): void {
  if (sealed?.isSalvaged) return
  const blocks = blocksFolder(folder)
  try {
    const wanted = new Set(sealed?.entries.map(({ number }) => blockPath(folder, number)))
    for (const name of fs.list(blocks)) {
      const path = `${blocks}/${name}`
      if (!wanted.has(path)) removeQuietly(fs, path)
    }
    if (sealed === null) removeQuietly(fs, blocks)
  } catch {
    // As above.
  }
}

/** A number that no block file of a feed has, and none that counts ever had. */
export function nextBlockNumber(fs: FileSystem, folder: string, sealed: SealedPart | null): number {
  let next = 1
  for (const { number } of sealed?.entries ?? []) next = Math.max(next, number + 1)
  if (fs.stat(blocksFolder(folder)) === null) return next
  for (const name of fs.list(blocksFolder(folder))) {
    next = Math.max(next, Number(namePattern.exec(name)?.[1] ?? 0) + 1)
  }
  return next
}

/** Reads the first bytes of a file, fewer where it is shorter, none where it is missing. */
function firstBytes(fs: FileSystem, path: string): (sizeBytes: number) => Uint8Array {
  return (sizeBytes) => {
    if (fs.stat(path) === null) return new Uint8Array()
    const handle = fs.open(path, 'read')
    try {
      const bytes = new Uint8Array(sizeBytes)
      return bytes.subarray(0, handle.read(bytes, 0, sizeBytes, 0))
    } finally {
      handle.close()
    }
  }
}

const beginsWithFrame = (bytes: Uint8Array): boolean => probeFrame(bytes, viewOf(bytes), 0) > 0
