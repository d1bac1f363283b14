import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import {
  type Block,
  type BlockMessage,
  blockEnd,
  Dictionary,
  type DictionaryRef,
  encodeDictionaryBlock,
  type FlatBlock,
  flattenBlock,
  openBlock,
  packBlock,
  resolveDictionary,
  rootEnds,
} from '@dunbar/archive'
import { type FeedId, type MessageKey, messageKeyToBytes } from '@dunbar/core'
import type { Size } from '../figure.js'

export type Message = Required<BlockMessage>

interface Line {
  readonly key: MessageKey
  readonly value: { readonly author: FeedId }
}

/** The first messages of a file, by author. */
async function messagesByFeed(file: string, most: number): Promise<Map<FeedId, Message[]>> {
  const feeds = new Map<FeedId, Message[]>()
  const input = createReadStream(file)
  let left = most
  for await (const line of createInterface({ input })) {
    if (left-- === 0) break
    const { key, value } = JSON.parse(line) as Line
    const { author } = value
    const feed = feeds.get(author) ?? []
    feeds.set(author, feed)
    feed.push({ key: messageKeyToBytes(key), value, json: Buffer.from(JSON.stringify(value)) })
  }
  input.destroy()
  return feeds
}

/** All as blocks before they are written. */
export function flatten(feeds: Map<FeedId, Message[]>): {
  flats: FlatBlock[]
  dictionary: Dictionary
} {
  const dictionary = Dictionary.root()
  const flats: FlatBlock[] = []
  for (const [author, messages] of feeds) {
    const sizes = messages.map(({ json }) => json.length)
    for (let from = 0; from < messages.length; ) {
      const end = blockEnd(sizes, from)
      flats.push(flattenBlock(author, messages.slice(from, end), dictionary))
      from = end
    }
  }
  return { flats, dictionary }
}

/** The messages of a file in blocks as peers share them, with all that they are compared with. */
export interface Packed {
  readonly size: Size
  readonly feeds: Map<FeedId, Message[]>
  readonly messages: readonly Message[]
  readonly flats: readonly FlatBlock[]
  /** Without the ids of messages: as peers share them. */
  readonly shared: readonly Uint8Array[]
  readonly ref: DictionaryRef
  readonly dictionaryBytes: Uint8Array
  open(bytes: Uint8Array): Block
}

/** Packs the first messages of a file. */
export async function packed(file: string, most: number): Promise<Packed> {
  const feeds = await messagesByFeed(file, most)
  const { flats, dictionary } = flatten(feeds)
  const { bytes: dictionaryBytes, ref } = encodeDictionaryBlock(dictionary, rootEnds, null)
  // Read back and compared, message by message, by the writer.
  const shared = flats.map((flat) => packBlock(flat, ref, { messageHashes: false }))
  const read = resolveDictionary(ref, () => dictionaryBytes)
  const open = (bytes: Uint8Array): Block => openBlock(bytes, () => read)
  const messages = [...feeds.values()].flat()
  return {
    size: { feeds: feeds.size, messages: messages.length },
    feeds,
    messages,
    flats,
    shared,
    ref,
    dictionaryBytes,
    open,
  }
}

/** CPU time in ms: unlike the time on the wall, it leaves out most of what else runs. */
export function cpuMsOf(run: () => void): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}
