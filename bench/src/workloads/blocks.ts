import { brotliCompressSync, constants } from 'node:zlib'
import { encodeBlock, packBlock, resolveDictionary } from '@dunbar/archive'
import { sha256Latin1 } from '@dunbar/core'
import { allocAndEncode } from 'bipf'
import type { Bench, Workload } from '../bench.js'
import { exactLimit } from '../figure.js'
import { cpuMsOf, flatten, type Message, type Packed, packed } from './packed.js'

/** All are held in memory, as objects and as text. */
const MOST_MESSAGES = 100_000
/** Work is done so often for a sample, and the quickest counts: the others met the rest of the machine. */
const TURNS = 2
/** A scan takes a few ms. */
const SCANS = 20
const SCANNED_TYPE = 'vote'

/** Keeps what is made from being optimized away. */
let sink: unknown

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

/** Blocks and their dictionary beside JSON and BIPF of the same messages, in one process. */
export const blocks: Workload = {
  name: 'blocks',
  title: 'the form of archives: size, encoding, reading, scanning',
  isShort: true,
  async run(bench) {
    const { file } = await bench.dataset()
    const whole = await packed(file, MOST_MESSAGES)
    recordSizes(bench, whole)
    const { partMessages } = bench.settings
    const isAll = partMessages >= whole.messages.length
    recordRates(bench, isAll ? whole : await packed(file, partMessages))
  },
}

function recordSizes(bench: Bench, { size, feeds, messages, shared, dictionaryBytes }: Packed) {
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
      size,
      samples: [sizeBytes / messages.length],
      isExact: true,
      limit: exactLimit(what, bytes / messages.length),
    })
  }
}

/** Messages a second of CPU, beside what JSON or BIPF take for as much. */
function recordRates(bench: Bench, whole: Packed) {
  const { size, feeds, messages, flats, shared, ref, open } = whole
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
    const rate = (ms: number, times: number) => (1000 * messages.length * times) / ms
    const samples: number[] = []
    const others: number[] = []
    // Compiled before they are measured.
    beside.run()
    run()
    for (let round = 0; round < bench.settings.samples; round++) {
      others.push(rate(quickestMs(beside.run), 1))
      samples.push(rate(quickestMs(run), times))
    }
    bench.record({
      id: `blocks.${name}`,
      title: `blocks: ${title}`,
      unit: 'messages/s',
      better: 'more',
      size,
      samples,
      limit: { what: beside.what, samples: others },
    })
  }
  must(sink !== undefined, 'nothing')
}

const quickestMs = (run: () => void): number =>
  Math.min(...Array.from({ length: TURNS }, () => cpuMsOf(run)))

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
