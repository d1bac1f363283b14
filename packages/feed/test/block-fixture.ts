import {
  Dictionary,
  encodeDictionaryBlock,
  flattenBlock,
  packBlock,
  rootEnds,
} from '@dunbar/archive'
import type { ClassicMessage } from '@dunbar/formats'
import type { FeedClient } from '../src/client.js'
import type { Author, TestShard } from './shard-fixture.js'

export interface PackedBlock {
  readonly block: ArrayBuffer
  readonly dictionaries: readonly ArrayBuffer[]
}

const ownBuffer = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer

/** The block of consecutive messages, with the one dictionary that it needs. */
export function packed(
  author: { readonly id: Author['id'] },
  messages: readonly { readonly keyBytes: Uint8Array; readonly value: unknown }[],
): PackedBlock {
  const dictionary = Dictionary.root()
  const given = messages.map(({ keyBytes, value }) => ({ key: keyBytes, value }))
  const flat = flattenBlock(author.id, given, dictionary)
  const { bytes, ref } = encodeDictionaryBlock(dictionary, rootEnds, null)
  const block = packBlock(flat, ref, { messageHashes: false })
  return { block: ownBuffer(block), dictionaries: [ownBuffer(bytes)] }
}

export function appendBlock(
  shard: TestShard,
  author: Author,
  { block, dictionaries }: PackedBlock,
  options: Partial<Parameters<FeedClient['appendBlock']>[2]> = {},
) {
  const given = { trust: 'author', through: 0, ...options } as const
  return shard.feed(author).appendBlock(block.slice(0), dictionaries, given)
}

/**
 * The same messages with another text in one of them, under the same ids: an id hashes the low byte
 * of each UTF-16 unit only.
 */
export function falsified(messages: readonly ClassicMessage[], index: number) {
  return messages.map((message, at) => {
    if (at !== index) return message
    const content = message.value.content as unknown as { readonly text: string }
    const text = content.text.replace('m', String.fromCharCode(0x100 + 'm'.charCodeAt(0)))
    return { ...message, value: { ...message.value, content: { ...content, text } } }
  })
}
