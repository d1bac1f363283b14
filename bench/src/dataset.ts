import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import {
  DatasetCensus,
  type DatasetFacts,
  formatMessageLine,
  generateMessages,
  type Spread,
} from '@dunbar/testkit'

export interface DatasetSize {
  readonly feeds: number
  readonly messages: number
  readonly seed: number
  /** How the messages are spread over the feeds. */
  readonly population: Spread
}

/** Generated messages in a file, and what is in it. */
export interface Dataset extends DatasetSize {
  readonly file: string
  readonly facts: DatasetFacts
  /** SHA-256 of the file. */
  readonly digest: string
  /** Keys of messages spread over the file. */
  readonly sampleKeys: readonly string[]
}

const SAMPLE_KEYS = 1000

/** Writes a file of JSON lines; the same size and seed give the same bytes. */
export async function makeDataset(folder: string, size: DatasetSize): Promise<Dataset> {
  const file = join(folder, `${size.population}-${size.feeds}-${size.messages}-${size.seed}.jsonl`)
  const out = createWriteStream(file)
  const hash = createHash('sha256')
  const census = new DatasetCensus()
  const sampleKeys: string[] = []
  const stride = Math.max(1, Math.floor(size.messages / SAMPLE_KEYS))
  let count = 0
  for (const message of generateMessages({ ...size, spread: size.population })) {
    const line = `${formatMessageLine(message)}\n`
    hash.update(line)
    census.add(message)
    if (count % stride === 0) sampleKeys.push(message.key)
    count += 1
    if (!out.write(line)) await once(out, 'drain')
  }
  out.end()
  await once(out, 'close')
  return { ...size, file, facts: census.facts(), digest: hash.digest('hex'), sampleKeys }
}
