import { readFileSync } from 'node:fs'
import { brotliCompressSync, constants } from 'node:zlib'
import {
  type Block,
  type BlockMessage,
  blockEnd,
  Dictionary,
  encodeBlock,
  encodeDictionaryBlock,
  type FlatBlock,
  flattenBlock,
  openBlock,
  packBlock,
  resolveDictionary,
  rootEnds,
} from '@dunbar/archive'
import { type FeedId, type MessageKey, messageKeyToBytes, sha256Latin1 } from '@dunbar/core'
import { allocAndEncode } from 'bipf'
import type { Dataset } from './dataset.js'
import type { Figure } from './report.js'

type Message = Required<BlockMessage>

/** Every figure is taken so often in a sample, and the quickest counts: the others met the rest of the machine. */
const ROUNDS = 3
/** A scan takes a few ms. */
const SCANS = 20
const SCANNED_TYPE = 'vote'

/** CPU time in ms of the quickest round: unlike the time on the wall, it leaves out most of what else runs. */
function quickestMs(run: () => void): number {
  let quickest = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(before)
    quickest = Math.min(quickest, (user + system) / 1000)
  }
  return quickest
}

/** Keeps what is made from being optimized away. */
let sink: unknown

interface Line {
  readonly key: MessageKey
  readonly value: { readonly author: FeedId }
}

function messagesByFeed(file: string): Map<FeedId, Message[]> {
  const feeds = new Map<FeedId, Message[]>()
  for (const line of readFileSync(file, 'utf8').trimEnd().split('\n')) {
    const { key, value } = JSON.parse(line) as Line
    const { author } = value
    const feed = feeds.get(author) ?? []
    feeds.set(author, feed)
    feed.push({ key: messageKeyToBytes(key), value, json: Buffer.from(JSON.stringify(value)) })
  }
  return feeds
}

function flatten(feeds: Map<FeedId, Message[]>): { flats: FlatBlock[]; dictionary: Dictionary } {
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

const quotedId = /"[%@&]([A-Za-z0-9+/]{43}=)\.(?:sha256|ed25519)"/g

/** What no form can do without: signatures, distinct ids of each feed, and ciphertext, in bytes. */
function floorBytes(messages: readonly Message[]): number {
  const ids = new Set<string>()
  let ciphertext = 0
  for (const { value } of messages) {
    const { content } = value as { readonly content: unknown }
    if (typeof content === 'string') ciphertext += Buffer.byteLength(content, 'base64')
    for (const [, id] of JSON.stringify(content).matchAll(quotedId)) ids.add(id!)
  }
  return 64 * messages.length + 32 * ids.size + ciphertext
}

function brotliBytes(messages: readonly Message[]): number {
  const lines = Buffer.concat(messages.flatMap(({ json }) => [json, Buffer.from('\n')]))
  const params = { [constants.BROTLI_PARAM_QUALITY]: 5, [constants.BROTLI_PARAM_LGWIN]: 20 }
  return brotliCompressSync(lines, { params }).length
}

function sum<Item>(items: Iterable<Item>, sizeOf: (item: Item) => number): number {
  let total = 0
  for (const item of items) total += sizeOf(item)
  return total
}

function must(claim: boolean, what: string): void {
  if (!claim) throw new Error(`the archive is wrong: ${what}`)
}

function typeOf(value: unknown): unknown {
  const { content } = value as { readonly content: unknown }
  return typeof content === 'object' && content !== null && 'type' in content ? content.type : null
}

/**
 * Blocks and dictionary beside JSON and BIPF of the same messages, in one process. Sizes are of
 * blocks as peers share them. Ratios are of messages in the same time: 1 is as fast.
 */
export function archiveFigures(dataset: Dataset, samples: number): Figure[] {
  const feeds = messagesByFeed(dataset.file)
  const messages = [...feeds.values()].flat()
  const texts = messages.map(({ json }) => Buffer.from(json).toString())
  const { flats, dictionary } = flatten(feeds)
  const { bytes: dictionaryBytes, ref } = encodeDictionaryBlock(dictionary, rootEnds, null)
  // Read back and compared, message by message, by the writer.
  const shared = flats.map((flat) => packBlock(flat, ref, { messageHashes: false }))
  const local = flats.map((flat) => packBlock(flat, ref, { messageHashes: true }))
  const read = resolveDictionary(ref, () => dictionaryBytes)
  const open = (bytes: Uint8Array): Block => openBlock(bytes, () => read)

  const scannedType = read.findType(SCANNED_TYPE)!
  const scan = () => sum(shared, (bytes) => open(bytes).countOfType(scannedType))
  const scans = () => {
    for (let count = 0; count < SCANS; count++) sink = scan()
  }
  const parse = () => {
    for (const text of texts) sink = JSON.parse(text)
  }
  const objects = () => {
    for (const bytes of local) for (const value of open(bytes).values()) sink = value
  }
  const chain = () => {
    for (const bytes of shared) open(bytes).verifyChain()
  }
  const encode = () => {
    const { flats: flat } = flatten(feeds)
    for (const each of flat) sink = encodeBlock(each, ref, { messageHashes: false })
  }
  const encodeChecked = () => {
    const { flats: flat } = flatten(feeds)
    for (const each of flat) sink = packBlock(each, ref, { messageHashes: false })
  }
  const encodeBipf = () => {
    for (const { value } of messages) sink = allocAndEncode(value)
  }
  const parsePrintHash = () => {
    for (const text of texts) sink = sha256Latin1(JSON.stringify(JSON.parse(text), null, 2))
  }

  let index = 0
  for (const [at, bytes] of local.entries()) {
    const values = open(bytes).values()
    const block = open(shared[at]!)
    block.verifyChain()
    for (let place = 0; place < block.length; place++, index++) {
      const { key } = flats[at]!.messages[place]!
      must(JSON.stringify(values.next().value) === texts[index], 'an object')
      must(Buffer.from(block.json(place)).toString() === texts[index], 'a text')
      must(Buffer.compare(block.key(place), key) === 0, 'an id')
    }
  }
  must(index === messages.length, 'a number of messages')
  const scanned = sum(messages, ({ value }) => (typeOf(value) === SCANNED_TYPE ? 1 : 0))
  must(scan() === scanned, 'a count')

  const sizeBytes = sum(shared, ({ length }) => length) + dictionaryBytes.length
  const jsonBytes = sum(messages, ({ json }) => json.length)
  const brotli = sum(feeds.values(), brotliBytes)
  const floor = sum(feeds.values(), floorBytes)
  const ratios = {
    encode: [] as number[],
    encodeChecked: [] as number[],
    objects: [] as number[],
    chain: [] as number[],
    scan: [] as number[],
  }
  for (let sample = 0; sample < samples; sample++) {
    const bipfMs = quickestMs(encodeBipf)
    ratios.encode.push(bipfMs / quickestMs(encode))
    ratios.encodeChecked.push(bipfMs / quickestMs(encodeChecked))
    const parseMs = quickestMs(parse)
    ratios.objects.push(parseMs / quickestMs(objects))
    ratios.scan.push((SCANS * parseMs) / quickestMs(scans))
    ratios.chain.push(quickestMs(parsePrintHash) / quickestMs(chain))
  }
  must(sink !== undefined, 'nothing')
  const of = `of ${messages.length.toLocaleString('en-US')} messages in ${feeds.size} feeds`
  return [
    {
      name: `archive: blocks and dictionary ${of}, share of their JSON`,
      unit: '%',
      samples: [(100 * sizeBytes) / jsonBytes],
      goal: { most: 40 },
    },
    {
      name: 'archive: size beside brotli 5 of the JSON of each feed',
      unit: '×',
      samples: [sizeBytes / brotli],
      goal: { most: 0.87 },
    },
    {
      name: 'archive: size beside signatures, distinct ids and ciphertext alone',
      unit: '×',
      samples: [sizeBytes / floor],
      goal: { most: 1.3 },
    },
    {
      name: 'archive: encoding with brotli 5, beside BIPF',
      unit: '×',
      samples: ratios.encode,
      goal: { least: 0.5 },
    },
    {
      name: 'archive: the same, read back and compared',
      unit: '×',
      samples: ratios.encodeChecked,
    },
    {
      name: 'archive: whole objects, beside JSON.parse',
      unit: '×',
      samples: ratios.objects,
      goal: { least: 0.9 },
    },
    {
      name: 'archive: ids and chain, beside JSON.parse, indented print and SHA-256',
      unit: '×',
      samples: ratios.chain,
      goal: { least: 0.9 },
    },
    {
      name: `archive: scan for a type, beside JSON.parse`,
      unit: '×',
      samples: ratios.scan,
      goal: { least: 30 },
    },
  ]
}
