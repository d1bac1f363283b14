import { once } from 'node:events'
import { createReadStream, createWriteStream, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { packBundle } from '@dunbar/archiver'
import { type BlobId, blobIdToBytes, type FeedId, type Keys, type MessageKey } from '@dunbar/core'
import { FrameWriter } from '@dunbar/feed'
import { createClassic } from '@dunbar/formats'
import { generatedKeys } from '@dunbar/testkit'
import type { Bench } from '../bench.js'
import type { Dataset } from '../dataset.js'

/** A folder that holds all messages, and an archive by each author with the message that names it. */
export async function archivedSource(bench: Bench, dataset: Dataset) {
  const keys = new Map<FeedId, Keys>()
  for (let feed = 0; feed < dataset.feeds; feed++) {
    const made = generatedKeys(dataset.seed, feed)
    keys.set(made.id, made)
  }
  const feeds = new Map<FeedId, { writer: FrameWriter; key: MessageKey; count: number }>()
  for await (const line of createInterface({ input: createReadStream(dataset.file) })) {
    const { key, value, timestamp } = JSON.parse(line) as {
      readonly key: MessageKey
      readonly value: { readonly author: FeedId; readonly sequence: number }
      readonly timestamp: number
    }
    let feed = feeds.get(value.author)
    if (feed === undefined) {
      feed = { writer: new FrameWriter(), key, count: 0 }
      feeds.set(value.author, feed)
    }
    const keyBytes = Buffer.from(key.slice(1), 'base64')
    feed.writer.push(value.sequence, timestamp, keyBytes, Buffer.from(JSON.stringify(value)))
    feed.key = key
    feed.count = value.sequence
  }
  const path = await bench.copyOf(dataset)
  const announcements = bench.freshPath('announcements')
  const out = createWriteStream(announcements)
  for (const [author, { writer, key, count }] of feeds) {
    const job = { author, first: 1, frames: [writer.finish()], dictionaries: [], previous: null }
    const bundle = packBundle({ ...job, takesRest: true })!
    for (const { id, bytes } of bundle.blobs) writeBlob(path, id, bytes)
    const message = createClassic({
      keys: keys.get(author)!,
      head: { sequence: count, key },
      timestamp: 1_800_000_000_000,
      content: { ...bundle.content },
    })
    out.write(
      `${JSON.stringify({ key: message.key, value: message.value, timestamp: 1_800_000_000_000 })}\n`,
    )
  }
  out.end()
  await once(out, 'close')
  await bench.dunbar.run('import', announcements, '--path', path)
  return { path, authors: [...feeds.keys()] }
}

function writeBlob(path: string, id: BlobId, bytes: Uint8Array): void {
  const hex = Buffer.from(blobIdToBytes(id)).toString('hex')
  const folder = join(path, 'blobs', 'sha256', hex.slice(0, 2))
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, hex.slice(2)), bytes)
}
