import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import {
  DatasetCensus,
  type DatasetFacts,
  formatMessageLine,
  type GeneratedMessage,
  generateMessages,
  type Spread,
} from '@dunbar/testkit'
import { readMessageFile } from './message-file.js'
import { generateThreads, type Thread } from './threads.js'

export interface DatasetSize {
  readonly feeds: number
  readonly messages: number
  readonly seed: number
  /** How the messages are spread over the feeds; `threads`: evenly, in threads of known sizes. */
  readonly population: Spread | 'threads'
}

/** Messages in a file of JSON lines, and what is in it. */
export interface Dataset extends Omit<DatasetSize, 'population'> {
  readonly population: DatasetSize['population'] | 'file'
  readonly file: string
  readonly facts: DatasetFacts
  /** SHA-256 of the file. */
  readonly digest: string
  /** Keys of messages spread over the file. */
  readonly sampleKeys: readonly string[]
  /** Key of the newest message of each feed, by id; feeds in the order of their first message. */
  readonly heads: ReadonlyMap<string, string>
  /** The feed that most messages mention, and how many do; null where none does. */
  readonly mostMentioned: { readonly id: string; readonly messages: number } | null
  /** Of the population `threads` only. */
  readonly threads: readonly Thread[]
}

/**
 * What the data say of an answer; null of somebody's own messages, whose threads may begin in a
 * message that is not there and whose links may have shapes that each subject reads in its own way.
 */
export const knownCount = ({ population }: Dataset, messages: number): number | null =>
  population === 'file' ? null : messages

const SAMPLE_KEYS = 1000

/** Writes a file of JSON lines; the same size and seed give the same bytes. */
export async function makeDataset(folder: string, size: DatasetSize): Promise<Dataset> {
  const { population } = size
  const file = join(folder, `${population}-${size.feeds}-${size.messages}-${size.seed}.jsonl`)
  const threads: Thread[] = []
  const messages =
    population === 'threads'
      ? generateThreads(size, (thread) => threads.push(thread))
      : generateMessages({ ...size, spread: population })
  const stride = Math.max(1, Math.floor(size.messages / SAMPLE_KEYS))
  return { ...(await writeDataset(file, messages, stride)), ...size, file, threads }
}

/**
 * Copies what can be measured of somebody's own messages: those that stand in an unbroken chain from
 * the first of their feed and are signed, in the order and the layout that generated ones have.
 * `leftOut` is told how many others there are.
 * @throws {Error} no message is left
 */
export async function copyDataset(
  folder: string,
  source: string,
  leftOut: (messages: number) => void,
): Promise<Dataset> {
  const file = join(folder, 'file.jsonl')
  const written = await writeDataset(file, readMessageFile(source, leftOut), 1)
  const { feeds, messages } = written.facts
  if (messages === 0) throw new Error(`no message of ${source} can be measured`)
  const stride = Math.max(1, Math.floor(messages / SAMPLE_KEYS))
  const sampleKeys = written.sampleKeys.filter((_, index) => index % stride === 0)
  const size = { feeds, messages, seed: 0, population: 'file' as const }
  return { ...written, ...size, sampleKeys, file, threads: [] }
}

async function writeDataset(
  file: string,
  messages: Iterable<GeneratedMessage> | AsyncIterable<GeneratedMessage>,
  stride: number,
) {
  const out = createWriteStream(file)
  const hash = createHash('sha256')
  const census = new DatasetCensus()
  const mentions = new MentionCounts()
  const sampleKeys: string[] = []
  const heads = new Map<string, string>()
  let count = 0
  for await (const message of messages) {
    const line = `${formatMessageLine(message)}\n`
    hash.update(line)
    census.add(message)
    mentions.add(line)
    heads.set(message.author, message.key)
    if (count % stride === 0) sampleKeys.push(message.key)
    count += 1
    if (!out.write(line)) await once(out, 'drain')
  }
  out.end()
  await once(out, 'close')
  const digest = hash.digest('hex')
  return { facts: census.facts(), digest, sampleKeys, heads, mostMentioned: mentions.most() }
}

/** How many messages have a link to a feed in their `mentions`. */
class MentionCounts {
  readonly #counts = new Map<string, number>()

  add(line: string): void {
    if (!line.includes('"mentions":[{')) return
    const { content } = (JSON.parse(line) as { value: { content: { mentions?: unknown } } }).value
    if (!Array.isArray(content.mentions)) return
    const links = content.mentions.map((each: { link?: unknown } | null) => each?.link)
    for (const link of new Set(links)) {
      if (typeof link !== 'string' || !link.startsWith('@')) continue
      this.#counts.set(link, (this.#counts.get(link) ?? 0) + 1)
    }
  }

  most(): Dataset['mostMentioned'] {
    let most: Dataset['mostMentioned'] = null
    for (const [id, messages] of this.#counts) {
      if (most === null || messages > most.messages) most = { id, messages }
    }
    return most
  }
}
