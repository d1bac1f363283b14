import { readFileSync } from 'node:fs'
import { brotliCompressSync, constants } from 'node:zlib'
import {
  type Block,
  type BlockMessage,
  blockEnd,
  Dictionary,
  type DictionaryRef,
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
import type { Bench, Workload } from '../bench.js'
import type { Dataset } from '../dataset.js'

type Message = Required<BlockMessage>

/** A scan takes a few ms. */
const SCANS = 20
const SCANNED_TYPE = 'vote'

/** CPU time in ms: unlike the time on the wall, it leaves out most of what else runs. */
function cpuMsOf(run: () => void): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
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

/** The messages of a file in blocks as peers share them, with all that they are compared with. */
interface Packed {
  readonly dataset: Dataset
  readonly feeds: Map<FeedId, Message[]>
  readonly messages: readonly Message[]
  readonly flats: readonly FlatBlock[]
  /** Without the ids of messages: as peers share them. */
  readonly shared: readonly Uint8Array[]
  readonly ref: DictionaryRef
  readonly dictionaryBytes: Uint8Array
  open(bytes: Uint8Array): Block
}

function packed(dataset: Dataset): Packed {
  const feeds = messagesByFeed(dataset.file)
  const { flats, dictionary } = flatten(feeds)
  const { bytes: dictionaryBytes, ref } = encodeDictionaryBlock(dictionary, rootEnds, null)
  // Read back and compared, message by message, by the writer.
  const shared = flats.map((flat) => packBlock(flat, ref, { messageHashes: false }))
  const read = resolveDictionary(ref, () => dictionaryBytes)
  const open = (bytes: Uint8Array): Block => openBlock(bytes, () => read)
  return {
    dataset,
    feeds,
    messages: [...feeds.values()].flat(),
    flats,
    shared,
    ref,
    dictionaryBytes,
    open,
  }
}

/** Blocks and their dictionary beside JSON and BIPF of the same messages, in one process. */
export const blocks: Workload = {
  name: 'blocks',
  title: 'the form of archives: size, encoding, reading, scanning',
  isShort: true,
  async run(bench) {
    const whole = packed(await bench.dataset())
    recordSizes(bench, whole)
    const { messages, pairedMessages } = bench.settings
    const isSame = pairedMessages >= messages
    recordRates(bench, isSame ? whole : packed(await bench.dataset({ messages: pairedMessages })))
  },
}

function recordSizes(bench: Bench, { dataset, feeds, messages, shared, dictionaryBytes }: Packed) {
  const sizeBytes = sum(shared, ({ length }) => length) + dictionaryBytes.length
  const others = {
    json: { what: 'their compact JSON', bytes: sum(messages, ({ json }) => json.length) },
    brotli: { what: 'brotli 5 of the JSON of each feed', bytes: sum(feeds.values(), brotliBytes) },
    floor: {
      what: 'signatures, distinct ids and ciphertext alone',
      bytes: sum(feeds.values(), floorBytes),
    },
  }
  for (const [name, { what, bytes }] of Object.entries(others)) {
    bench.record({
      id: `blocks.size.${name}`,
      title: `blocks and dictionary, beside ${what}`,
      unit: 'bytes/message',
      better: 'less',
      size: dataset,
      samples: [sizeBytes / messages.length],
      limit: { what, samples: [bytes / messages.length] },
    })
  }
}

/** Messages a second of CPU, beside what JSON or BIPF take for as much. */
function recordRates(bench: Bench, whole: Packed) {
  const { dataset, feeds, messages, flats, shared, ref, open } = whole
  const texts = messages.map(({ json }) => Buffer.from(json).toString())
  const local = flats.map((flat) => packBlock(flat, ref, { messageHashes: true }))
  const scan = scanOf(whole)
  assertRight(whole, local, texts)
  const parse = () => {
    for (const text of texts) sink = JSON.parse(text)
  }
  const encoding = (write: typeof encodeBlock) => () => {
    const { flats: flat } = flatten(feeds)
    for (const each of flat) sink = write(each, ref, { messageHashes: false })
  }
  const bipf = {
    what: 'BIPF',
    run: () => {
      for (const { value } of messages) sink = allocAndEncode(value)
    },
  }
  const kinds = {
    encode: { title: 'encoding with brotli 5', run: encoding(encodeBlock), beside: bipf },
    pack: { title: 'encoding, read back and compared', run: encoding(packBlock), beside: bipf },
    objects: {
      title: 'whole objects',
      run: () => {
        for (const bytes of local) for (const value of open(bytes).values()) sink = value
      },
      beside: { what: 'JSON.parse', run: parse },
    },
    chain: {
      title: 'ids and chain',
      run: () => {
        for (const bytes of shared) open(bytes).verifyChain()
      },
      beside: {
        what: 'JSON.parse, indented print and SHA-256',
        run: () => {
          for (const text of texts) sink = sha256Latin1(JSON.stringify(JSON.parse(text), null, 2))
        },
      },
    },
    scan: {
      title: 'scan for a type',
      times: SCANS,
      run: () => {
        for (let count = 0; count < SCANS; count++) sink = scan()
      },
      beside: { what: 'JSON.parse', run: parse },
    },
  }
  for (const [name, { title, run, beside, ...rest }] of Object.entries(kinds)) {
    bench.progress.say(title)
    const times = 'times' in rest ? rest.times : 1
    const rate = (ms: number, turns: number) => (1000 * messages.length * turns) / ms
    const samples: number[] = []
    const others: number[] = []
    // Compiled before they are measured.
    beside.run()
    run()
    for (let round = 0; round < bench.settings.samples; round++) {
      others.push(rate(cpuMsOf(beside.run), 1))
      samples.push(rate(cpuMsOf(run), times))
    }
    bench.record({
      id: `blocks.${name}`,
      title: `blocks: ${title}`,
      unit: 'messages/s',
      better: 'more',
      size: dataset,
      samples,
      limit: { what: beside.what, samples: others },
    })
  }
  must(sink !== undefined, 'nothing')
}

/** Counts the messages of a type. */
function scanOf({ ref, dictionaryBytes, shared, messages, open }: Packed): () => number {
  const type = resolveDictionary(ref, () => dictionaryBytes).findType(SCANNED_TYPE)!
  const scan = () => sum(shared, (bytes) => open(bytes).countOfType(type))
  const scanned = sum(messages, ({ value }) => (typeOf(value) === SCANNED_TYPE ? 1 : 0))
  must(scan() === scanned, 'a count')
  return scan
}

/** Every object, text and id comes out as it went in. */
function assertRight(
  { flats, shared, messages, open }: Packed,
  local: readonly Uint8Array[],
  texts: readonly string[],
) {
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
}
