import type { FileSystem } from '@dunbar/actor'
import { MAX_SEQUENCE, type Sequence } from '@dunbar/core'
import { removeIfThere, replaceFile } from './atomic-file.js'
import { isWholeFrame } from './frame.js'
import { storeFailure } from './store-error.js'

/** Two signed messages that can't stand in one feed, as whole frames: proof of a fork. */
export interface ForkRecord {
  /** Of the refused message. */
  readonly sequence: Sequence
  /** Held at that place, or at the one before it, where the refused message names another `previous`. */
  readonly kept: Uint8Array
  readonly refused: Uint8Array
}

/** What is to be said of a feed beyond its log; held in `feed.json`. */
export interface FeedRecord {
  /** The feed's format; `classic` where nothing else is known. */
  readonly format: string
  /** At most 16; the first one seen comes first. */
  readonly forks: readonly ForkRecord[]
  /** Why nothing more is appended; null for a feed in order. At most 256 characters. */
  readonly quarantine: string | null
  /** Messages whose signatures were not checked yet; left out where there are none. */
  readonly unchecked?: UncheckedRange
  /** Why archives of the feed are not taken on its author's word any more. At most 256 characters. */
  readonly distrust?: string
}

/** Messages of a feed, both ends included; what of it is not held needs no check. */
export interface UncheckedRange {
  readonly first: Sequence
  readonly last: Sequence
}

/** Whether there is nothing to be said. */
export const isPlain = ({ format, forks, quarantine, unchecked, distrust }: FeedRecord): boolean =>
  format === 'classic' &&
  forks.length === 0 &&
  quarantine === null &&
  unchecked === undefined &&
  distrust === undefined

/** What a feed without `feed.json` has. */
export const plainRecord: FeedRecord = { format: 'classic', forks: [], quarantine: null }

/**
 * What a feed has whose `feed.json` can't be read. It may have said that signatures were not checked
 * yet, or that archives of the feed are false: all are checked again, and archives not trusted.
 */
export const doubtfulRecord: FeedRecord = {
  ...plainRecord,
  unchecked: { first: 1, last: MAX_SEQUENCE },
  distrust: 'RECORD_DAMAGED',
}

/** Proof takes two messages; more of them are kept for those who want to see how a fork went on. */
export const MAX_FORKS = 16
const MAX_REASON_LENGTH = 256
const MAX_FORMAT_LENGTH = 64
/** 16 forks of two of the longest frames in base64 take 2.8 MB. */
const MAX_RECORD_BYTES = 4 * 1024 * 1024
const VERSION = 1

/** A record, or why there is a file that is none. */
export type ReadRecord =
  | { readonly ok: true; readonly record: FeedRecord | null }
  | { readonly ok: false; readonly reason: string }

/** Reads the `feed.json` of a feed's folder; null where there is none. Anything unexpected in it is a reason. */
export function readRecord(fs: FileSystem, folder: string): ReadRecord {
  const path = recordPath(folder)
  try {
    const found = fs.stat(path)
    if (found === null) return { ok: true, record: null }
    if (found.isFolder || found.sizeBytes > MAX_RECORD_BYTES) {
      return { ok: false, reason: 'feed.json is not a file of a record' }
    }
    return parseRecord(JSON.parse(Buffer.from(fs.readFile(path)).toString('utf8')))
  } catch {
    return { ok: false, reason: 'feed.json can not be read as JSON' }
  }
}

/**
 * Replaces `feed.json`, or removes it where there is nothing to say. Resolves when that is on the
 * disk. What is too much for a record is cut: forks beyond 16, reasons beyond 256 characters.
 * @throws {STORE_FULL}
 * @throws {STORE_FAILED}
 */
export async function writeRecord(
  fs: FileSystem,
  folder: string,
  record: FeedRecord,
): Promise<void> {
  const path = recordPath(folder)
  if (isPlain(record)) {
    try {
      removeIfThere(fs, path)
      await fs.syncFolder(folder)
    } catch (error) {
      throw storeFailure(error, 'removing feed.json')
    }
    return
  }
  const text = JSON.stringify({
    version: VERSION,
    format: record.format.slice(0, MAX_FORMAT_LENGTH),
    quarantine: record.quarantine === null ? null : record.quarantine.slice(0, MAX_REASON_LENGTH),
    forks: record.forks.slice(0, MAX_FORKS).map((fork) => ({
      sequence: fork.sequence,
      kept: base64(fork.kept),
      refused: base64(fork.refused),
    })),
    unchecked: record.unchecked,
    distrust: record.distrust?.slice(0, MAX_REASON_LENGTH),
  })
  await replaceFile(fs, path, Buffer.from(text, 'utf8'))
}

/** The path of a feed's `feed.json`. */
export const recordPath = (folder: string): string => `${folder}/feed.json`

function parseRecord(value: unknown): ReadRecord {
  const { version, format, quarantine, forks, unchecked, distrust } = asObject(value)
  if (version !== VERSION) return { ok: false, reason: 'feed.json has an unknown version' }
  if (typeof format !== 'string' || format.length === 0 || format.length > MAX_FORMAT_LENGTH) {
    return { ok: false, reason: 'feed.json names no format' }
  }
  const isReason = typeof quarantine === 'string' && quarantine.length <= MAX_REASON_LENGTH
  if (quarantine !== null && !isReason) {
    return { ok: false, reason: 'the quarantine in feed.json is no text' }
  }
  if (!Array.isArray(forks) || forks.length > MAX_FORKS) {
    return { ok: false, reason: 'the forks in feed.json are no list' }
  }
  const parsed: ForkRecord[] = []
  for (const entry of forks as unknown[]) {
    const fork = parseFork(entry)
    if (fork === null) return { ok: false, reason: 'a fork in feed.json is not whole' }
    parsed.push(fork)
  }
  const range = unchecked === undefined ? undefined : parseRange(unchecked)
  if (range === null) return { ok: false, reason: 'the unchecked range in feed.json is none' }
  const isDistrust = typeof distrust === 'string' && distrust.length <= MAX_REASON_LENGTH
  if (distrust !== undefined && !isDistrust) {
    return { ok: false, reason: 'the distrust in feed.json is no text' }
  }
  return {
    ok: true,
    record: {
      format,
      quarantine: isReason ? quarantine : null,
      forks: parsed,
      ...(range === undefined ? {} : { unchecked: range }),
      ...(isDistrust ? { distrust } : {}),
    },
  }
}

function parseRange(value: unknown): UncheckedRange | null {
  const { first, last } = asObject(value)
  if (!isSequence(first) || !isSequence(last) || last < first) return null
  return { first, last }
}

const isSequence = (value: unknown): value is Sequence =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_SEQUENCE

function parseFork(value: unknown): ForkRecord | null {
  const { sequence, kept, refused } = asObject(value)
  if (!isSequence(sequence)) return null
  const keptFrame = frameFrom(kept)
  const refusedFrame = frameFrom(refused)
  if (keptFrame === null || refusedFrame === null) return null
  return { sequence, kept: keptFrame, refused: refusedFrame }
}

function frameFrom(value: unknown): Uint8Array | null {
  if (typeof value !== 'string') return null
  const frame = new Uint8Array(Buffer.from(value, 'base64'))
  return isWholeFrame(frame) ? frame : null
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
