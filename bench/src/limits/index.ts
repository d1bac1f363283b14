import { availableParallelism } from 'node:os'
import type { Bench } from '../bench.js'
import { bareNode } from './bare-node.js'
import { openMicros, sealMicros } from './boxes.js'
import { feedEntryBytes } from './feed-entry.js'
import { feedFileBytes } from './feed-file.js'
import { messageTexts } from './message-texts.js'
import { parsePrintMicros } from './parse-print.js'
import { parseRate } from './parsing.js'
import { sequentialWriteRate } from './sequential-write.js'
import { sha256Micros } from './sha256.js'
import { signatureRate } from './signatures.js'
import { signingRate } from './signing.js'
import { syncedWriteMs } from './synced-write.js'
import { threadMessageMs } from './thread-message.js'
import { validationRate } from './validation.js'

/** A bound that no program on this machine passes. */
export interface LimitKind {
  readonly what: string
  readonly unit: string
  readonly better: 'more' | 'less'
  /** One a round. */
  measure(bench: Bench): Promise<readonly number[]>
}

/** Messages that a limit is measured on: enough for a second of the dearest on one core. */
const MOST_MESSAGES = 10_000
/** Parsing is the cheapest of all. */
const PARSED_MESSAGES = 50_000
/** Of a packet of box stream. */
export const PACKET_BYTES = 4_096
const MESSAGE_BYTES = 500
/** In which the memory of a program without work settles. */
const BARE_REST_MS = 1_000

/** By name; measured when the first figure asks for them. */
export const limits = {
  validation: {
    what: 'validation alone on all cores',
    unit: 'messages/s',
    better: 'more',
    measure: (bench) => onFile(bench, (file) => validationRate(file, MOST_MESSAGES)),
  },
  'signatures.one': {
    what: 'verification alone on one core',
    unit: 'signatures/s',
    better: 'more',
    measure: (bench) => onFile(bench, (file) => signatureRate(file, MOST_MESSAGES / 2, 1)),
  },
  'signatures.all': {
    what: 'verification alone on all cores',
    unit: 'signatures/s',
    better: 'more',
    measure: (bench) =>
      onFile(bench, (file) => signatureRate(file, MOST_MESSAGES, availableParallelism())),
  },
  parse: {
    what: 'JSON.parse alone on all cores',
    unit: 'messages/s',
    better: 'more',
    measure: (bench) => onFile(bench, (file) => parseRate(file, PARSED_MESSAGES)),
  },
  signing: {
    what: 'signing alone on one core',
    unit: 'messages/s',
    better: 'more',
    measure: (bench) => onTexts(bench, signingRate),
  },
  /** On one core, as are all that follow. */
  parsePrint: {
    what: 'JSON.parse and indented print alone',
    unit: 'µs/message',
    better: 'less',
    measure: (bench) => onTexts(bench, parsePrintMicros),
  },
  sha256: {
    what: 'SHA-256 alone',
    unit: 'µs/message',
    better: 'less',
    measure: (bench) => onTexts(bench, sha256Micros),
  },
  sequentialWrite: {
    what: 'writing one file with one sync',
    unit: 'MB/s',
    better: 'more',
    measure: (bench) => rounds(bench, () => sequentialWriteRate(bench.freshPath('sequential'))),
  },
  syncedWrite: {
    what: 'appending 500 bytes with fdatasync',
    unit: 'ms',
    better: 'less',
    measure: (bench) => rounds(bench, () => syncedWriteMs(bench.freshPath('synced'))),
  },
  /** For each packet. */
  'boxes.seal.packet': {
    what: 'libsodium sealing 4 KiB',
    unit: 'µs',
    better: 'less',
    measure: (bench) => rounds(bench, () => sealMicros(PACKET_BYTES)),
  },
  'boxes.open.packet': {
    what: 'libsodium opening 4 KiB',
    unit: 'µs',
    better: 'less',
    measure: (bench) => rounds(bench, () => openMicros(PACKET_BYTES)),
  },
  /** For each message in a box of its own. */
  'boxes.seal.message': {
    what: 'libsodium sealing 500 bytes',
    unit: 'µs',
    better: 'less',
    measure: (bench) => rounds(bench, () => sealMicros(MESSAGE_BYTES)),
  },
  'boxes.open.message': {
    what: 'libsodium opening 500 bytes',
    unit: 'µs',
    better: 'less',
    measure: (bench) => rounds(bench, () => openMicros(MESSAGE_BYTES)),
  },
  threadMessage: {
    what: 'a message between two threads and back',
    unit: 'ms',
    better: 'less',
    measure: (bench) => rounds(bench, threadMessageMs),
  },
  'node.start': {
    what: 'starting Node with a thread for each core',
    unit: 'ms',
    better: 'less',
    measure: (bench) =>
      rounds(bench, async () => (await bareNode(bench.settings.placement)).readyMs),
  },
  'node.memory': {
    what: 'memory of Node with a thread for each core',
    unit: 'MiB',
    better: 'less',
    // At once, so that they rest at the same time.
    measure: ({ settings }) =>
      Promise.all(
        Array.from(
          { length: settings.samples },
          async () => (await bareNode(settings.placement, BARE_REST_MS)).residentMiB,
        ),
      ),
  },
  'node.handles': {
    what: 'file handles of Node with a thread for each core',
    unit: 'handles',
    better: 'less',
    measure: (bench) =>
      rounds(bench, async () => (await bareNode(bench.settings.placement)).fileHandles),
  },
  'feed.entry': {
    what: 'id, last key and length of a feed in a Map',
    unit: 'bytes',
    better: 'less',
    measure: (bench) => rounds(bench, () => feedEntryBytes(bench.settings.placement)),
  },
  'feed.file': {
    what: 'a folder with a file of half a block',
    unit: 'bytes',
    better: 'less',
    measure: (bench) => rounds(bench, () => feedFileBytes(bench.freshPath('feed-file'))),
  },
} as const satisfies Record<string, LimitKind>

export type LimitName = keyof typeof limits

async function rounds(bench: Bench, measure: () => number | Promise<number>): Promise<number[]> {
  const samples: number[] = []
  for (let round = 0; round < bench.settings.samples; round++) samples.push(await measure())
  return samples
}

async function onFile(bench: Bench, measure: (file: string) => Promise<number>): Promise<number[]> {
  const { file } = await bench.dataset()
  return rounds(bench, () => measure(file))
}

async function onTexts(
  bench: Bench,
  measure: (texts: readonly string[]) => number,
): Promise<number[]> {
  const { file } = await bench.dataset()
  const texts = await messageTexts(file, MOST_MESSAGES)
  return rounds(bench, () => measure(texts))
}
