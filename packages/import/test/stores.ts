import { createHash } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { allocAndEncode } from 'bipf'
import { afterAll } from 'vitest'
import type { ImportSource, SourceRecord, SourceRejection } from '../src/index.js'

/** A message value of the classic shape. Its signature is not valid: readers don't check it. */
export interface Value {
  previous: string | null
  sequence: number
  author: string
  timestamp: number
  hash: 'sha256'
  content: unknown
  signature: string
}

export interface Line {
  key: string
  value: Value
  timestamp: number
}

const hash = (text: string): Buffer => createHash('sha256').update(text).digest()

export const authorBytes = (name: string): Buffer => hash(`author ${name}`)
export const feedId = (name: string): string => `@${authorBytes(name).toString('base64')}.ed25519`
export const messageKey = (name: string): string =>
  `%${hash(`message ${name}`).toString('base64')}.sha256`

/** The message number `sequence` of the feed `name`, in the order of keys asked for. */
export function line(
  name: string,
  sequence: number,
  content: unknown = { type: 'post', text: `hello ${sequence}` },
  isOldOrder = false,
): Line {
  const previous = sequence === 1 ? null : messageKey(`${name}${sequence - 1}`)
  const author = feedId(name)
  const head = isOldOrder ? { previous, author, sequence } : { previous, sequence, author }
  const key = messageKey(`${name}${sequence}`)
  const signature = `${Buffer.alloc(64, key).toString('base64')}.sig.ed25519`
  const timestamp = 1_500_000_000_000 + sequence
  const value: Value = { ...head, timestamp, hash: 'sha256', content, signature }
  return { key, value, timestamp: timestamp + 0.5 }
}

/** A log as ssb-db writes it; null is a deleted record. */
export function flumeLog(records: readonly (object | null)[]): Buffer {
  const frames: Buffer[] = []
  let offset = 0
  for (const record of records) {
    const data = record === null ? Buffer.alloc(300) : Buffer.from(JSON.stringify(record))
    const frame = Buffer.alloc(data.length + 12)
    frame.writeUInt32BE(data.length, 0)
    data.copy(frame, 4)
    frame.writeUInt32BE(data.length, 4 + data.length)
    offset += frame.length
    frame.writeUInt32BE(offset, 8 + data.length)
    frames.push(frame)
  }
  return Buffer.concat(frames)
}

/** A log as ssb-db2 writes it; null is a deleted record. */
export function db2Log(records: readonly (object | null)[]): Buffer {
  const blocks: Buffer[] = []
  let block = Buffer.alloc(65_536)
  let at = 0
  for (const record of records) {
    const data = record === null ? Buffer.alloc(300) : allocAndEncode(record)
    if (at + 2 + data.length + 2 > block.length) {
      blocks.push(block)
      block = Buffer.alloc(65_536)
      at = 0
    }
    block.writeUInt16LE(data.length, at)
    data.copy(block, at + 2)
    at += 2 + data.length
  }
  return Buffer.concat([...blocks, block])
}

/** A folder that is there for the tests of one file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dunbar-import-'))
  afterAll(async () => {
    const { rm } = await import('node:fs/promises')
    await rm(folder, { recursive: true, force: true })
  })
  return folder
}

export interface Everything {
  readonly records: (Omit<SourceRecord, 'value' | 'author'> & { value: unknown; author: string })[]
  readonly rejected: SourceRejection[]
  readonly deletedCount: number
  /** Positions of the batches, in order. */
  readonly positions: number[]
  readonly progressBytes: number
}

/** All that a source gives, copied out of its buffers. */
export async function readAll(source: ImportSource, fromOffset?: number): Promise<Everything> {
  const records: Everything['records'] = []
  const rejected: SourceRejection[] = []
  const positions: number[] = []
  let deletedCount = 0
  let progressBytes = 0
  for await (const batch of source.records(fromOffset)) {
    for (const record of batch.records) {
      records.push({
        offset: record.offset,
        received: record.received,
        author: Buffer.from(record.author).toString('base64'),
        value: JSON.parse(Buffer.from(record.value).toString()),
      })
    }
    rejected.push(...batch.rejected)
    deletedCount += batch.deletedCount
    positions.push(batch.position)
    progressBytes = batch.progressBytes
  }
  return { records, rejected, deletedCount, positions, progressBytes }
}
