/** Finds out what a path holds, by content first and by name where the content doesn't say. */
import { constants, type Dirent } from 'node:fs'
import { access, open, readdir, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { BLOCK_BYTES, looksLikeDb2Log, readDb2Log } from './db2-log.js'
import { ImportError, unreadable } from './error.js'
import { looksLikeFlumeLog, readFlumeLog } from './flume-log.js'
import { readJsonLines } from './json-lines.js'
import {
  type ImportSource,
  MAX_RECORD_BYTES,
  type RecordBatch,
  type SourceFolder,
  type SourceKind,
} from './source.js'

/** Enough for a whole block of ssb-db2 and for the longest first frame of ssb-db. */
const HEAD_BYTES = Math.max(BLOCK_BYTES, MAX_RECORD_BYTES + 12)
/** A text has no zero byte this far in; JSON writes it as \u0000. */
const TEXT_BYTES = 4096

const EXPECTED =
  'JSON lines (plain or gzip), an ssb-db log.offset, an ssb-db2 log.bipf or the folder of an SSB node'

async function readHead(path: string): Promise<Buffer> {
  try {
    const file = await open(path, 'r')
    try {
      const head = Buffer.allocUnsafe(HEAD_BYTES)
      let length = 0
      for (;;) {
        const { bytesRead } = await file.read(head, length, HEAD_BYTES - length, length)
        length += bytesRead
        if (bytesRead === 0 || length === HEAD_BYTES) return head.subarray(0, length)
      }
    } finally {
      await file.close()
    }
  } catch (error) {
    throw unreadable(path, error)
  }
}

function kindOf(path: string, head: Buffer): SourceKind {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'json-lines-gzip'
  const name = basename(path)
  if (looksLikeFlumeLog(head)) return 'ssb-db'
  if (looksLikeDb2Log(head)) return 'ssb-db2'
  if (name === 'log.offset') return 'ssb-db'
  if (name === 'log.bipf') return 'ssb-db2'
  if (!head.subarray(0, TEXT_BYTES).includes(0)) return 'json-lines'
  throw new ImportError('SOURCE_UNKNOWN', `${path} is none of: ${EXPECTED}`, { path })
}

function reader(
  kind: SourceKind,
  path: string,
  fromOffset: number,
): AsyncGenerator<RecordBatch, void, void> {
  switch (kind) {
    case 'ssb-db':
      return readFlumeLog(path, fromOffset)
    case 'ssb-db2':
      return readDb2Log(path, fromOffset)
    default:
      return readJsonLines(path, kind === 'json-lines-gzip', fromOffset)
  }
}

async function openFileSource(
  path: string,
  notes: readonly string[],
  folder: SourceFolder | null,
): Promise<ImportSource> {
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(path, error)
  })
  if (!found.isFile()) {
    throw new ImportError('SOURCE_UNREADABLE', `${path} is neither a file nor a folder`, { path })
  }
  const kind = kindOf(path, await readHead(path))
  return {
    kind,
    path,
    totalBytes: found.size,
    notes,
    folder,
    records: (fromOffset = 0) => reader(kind, path, fromOffset),
  }
}

async function sizeAndTime(path: string): Promise<{ size: number; mtimeMs: number } | null> {
  const found = await stat(path).catch(() => null)
  return found?.isFile() ? found : null
}

/** Where the log of a node lies in its folder, the newer generation first; also in a log's own folder. */
const LOGS = ['db2/log.bipf', 'flume/log.offset', 'log.bipf', 'log.offset'] as const

async function openFolderSource(path: string): Promise<ImportSource> {
  await readdir(path).catch((error: unknown): Dirent[] => {
    throw unreadable(path, error)
  })
  const logs: { name: string; size: number; mtimeMs: number }[] = []
  for (const name of LOGS) {
    const found = await sizeAndTime(join(path, name))
    if (found !== null) logs.push({ name, size: found.size, mtimeMs: found.mtimeMs })
  }
  const filled = logs.filter((log) => log.size > 0)
  const candidates = filled.length > 0 ? filled : logs
  const [first, ...rest] = candidates
  if (first === undefined) {
    throw new ImportError(
      'SOURCE_UNKNOWN',
      `the folder ${path} holds no db2/log.bipf and no flume/log.offset`,
      { path },
    )
  }
  const chosen = rest.reduce((best, log) => (log.mtimeMs > best.mtimeMs ? log : best), first)
  const notes = candidates
    .filter((log) => log !== chosen)
    .map(
      (log) =>
        `reading ${chosen.name}, which was written last; ${log.name} is there too and can be imported by its own path`,
    )
  const isThere = (name: string) =>
    access(join(path, name), constants.F_OK).then(
      () => join(path, name),
      () => null,
    )
  const secretPath = await isThere('secret')
  if (secretPath !== null) notes.push('its secret is not taken over')
  return openFileSource(join(path, chosen.name), notes, {
    path,
    secretPath,
    blobsPath: await isThere('blobs/sha256'),
  })
}

/**
 * Recognises what lies at a path and gives a reader for it: JSON lines (plain or gzip), the log of
 * ssb-db or ssb-db2, or the folder of such a node. Where a folder has both logs, the one that was
 * written last is read, and `notes` says so. Reads at most the first MiB. An empty file is JSON
 * lines without messages.
 *
 * @throws {SOURCE_MISSING} when nothing is there
 * @throws {SOURCE_UNREADABLE} when it is no file and no folder, or reading is refused
 * @throws {SOURCE_UNKNOWN} when it is in none of the known layouts
 */
export async function openSource(path: string): Promise<ImportSource> {
  const full = resolve(path)
  const found = await stat(full).catch((error: unknown) => {
    throw unreadable(full, error)
  })
  return found.isDirectory() ? openFolderSource(full) : openFileSource(full, [], null)
}
