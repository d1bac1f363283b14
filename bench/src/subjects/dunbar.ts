import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { type Client, connect } from '@dunbar/client'
import type { ImportResult } from '@dunbar/node'
import type { Dataset } from '../dataset.js'
import { ended, measuredProcess, type Placement, spawnNode } from '../process.js'
import type { Answer, Head, Load, Query, RunningSubject, StartOptions, Subject } from './subject.js'

/** The command, as a user runs it. */
const BIN = new URL('../../../packages/cli/bin/dunbar.js', import.meta.url).pathname
const MANIFEST = new URL('../../../packages/cli/package.json', import.meta.url)

/** Peers on this machine alone, and none unasked. */
const ALONE = {
  DUNBAR_HOST: '127.0.0.1',
  DUNBAR_PORT: '0',
  DUNBAR_LAN: 'false',
  DUNBAR_AUTOCONNECT: 'false',
  DUNBAR_LOG_LEVEL: 'warn',
}

/** What only dunbar has. */
export interface RunningDunbar extends RunningSubject {
  readonly client: Client
}

export class Dunbar implements Subject {
  readonly name = 'dunbar'
  readonly version =
    `dunbar ${(JSON.parse(readFileSync(MANIFEST, 'utf8')) as { version: string }).version}`
  readonly #placement: Placement
  readonly #environment: NodeJS.ProcessEnv

  constructor(placement: Placement, environment: NodeJS.ProcessEnv = {}) {
    this.#placement = placement
    this.#environment = { ...ALONE, ...environment }
  }

  /** Runs a command to its end and gives its JSON output. */
  async run<Result>(...args: string[]): Promise<Result> {
    const child = spawnNode(BIN, [...args, '--json'], this.#placement, { env: this.#environment })
    let text = ''
    const exit = new Promise<number | null>((resolve) => child.once('exit', resolve))
    for await (const piece of child.stdout!.setEncoding('utf8')) text += piece
    const code = await exit
    if (code !== 0) throw new Error(`dunbar ${args[0]} ended with ${code}`)
    return JSON.parse(text) as Result
  }

  async load(dataset: Dataset, path: string): Promise<Load> {
    const result = await this.run<ImportResult>('import', dataset.file, '--path', path)
    if (result.added !== dataset.messages || result.rejected.length > 0) {
      throw new Error(`the import took ${result.added} of ${dataset.messages} messages`)
    }
    return { messages: result.added, seconds: result.seconds }
  }

  async start(path: string, options: StartOptions = {}): Promise<RunningDunbar> {
    const startedAt = performance.now()
    const child = spawnNode(BIN, ['start', '--path', path, '--json'], this.#placement, {
      env: {
        ...this.#environment,
        ...(options.networkKey === undefined ? {} : { DUNBAR_CAPS_SHS: options.networkKey }),
        ...options.environment,
      },
    })
    const lines = createInterface({ input: child.stdout! })
    let address = ''
    for await (const line of lines) {
      const said = JSON.parse(line) as { readonly event: string; readonly address: string }
      if (said.event !== 'ready') continue
      address = said.address
      break
    }
    const readyMs = performance.now() - startedAt
    const client = await connect({ path })
    const { id } = await client.whoami()
    return {
      name: 'dunbar',
      path,
      id,
      address,
      readyMs,
      client,
      process: measuredProcess(child.pid!),
      publish: async (content) => {
        const beganAt = performance.now()
        const { key } = await client.publish(content as Parameters<Client['publish']>[0])
        return { key, ms: performance.now() - beganAt }
      },
      publishAll: async (contents) => {
        const beganAt = performance.now()
        const published = await Promise.all(
          contents.map((content) => client.publish(content as Parameters<Client['publish']>[0])),
        )
        return { keys: published.map(({ key }) => key), ms: performance.now() - beganAt }
      },
      ask: (query) => ask(client, query),
      request: async (ids) => {
        await Promise.all(ids.map((each) => client.call('ebt.request', each, true)))
      },
      connect: async (to) => {
        await client.call('conn.connect', to)
      },
      holdsInAll: (messages) => until(async () => (await client.status()).messages >= messages),
      holds: async (id, sequence) => {
        for await (const _ of client.createHistoryStream({ id, sequence, live: true })) return
      },
      heads: (ids) => Promise.all(ids.map((id) => headOf(client, id))),
      stop: async () => {
        await client.close()
        await ended(child)
      },
    }
  }
}

/** Asked again so often, ms; what is measured lasts seconds. */
const LOOK_MS = 20

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
}

async function ask(client: Client, query: Query): Promise<Answer> {
  const startedAt = performance.now()
  const keys = await keysOf(client, query)
  const ms = performance.now() - startedAt
  return { ms, messages: keys.length, digest: digestOfKeys(keys) }
}

/** Whether it is dunbar, which can be asked more. */
export const isDunbar = (running: RunningSubject): running is RunningDunbar =>
  running.name === 'dunbar'

async function keysOf(client: Client, query: Query): Promise<readonly string[]> {
  if (query.kind === 'get') return [(await client.get(query.key, { meta: true })).key]
  const [method, options] = streamOf(query)
  const keys: string[] = []
  for await (const item of client.source(method, options)) {
    keys.push((item as { readonly key: string }).key)
  }
  // A message may mention the same twice, in links of their own.
  return query.kind === 'mentions' ? [...new Set(keys)] : keys
}

/** The method that answers a question for more than one message, and its options. */
export function streamOf(query: Query): readonly [method: string, options: object] {
  switch (query.kind) {
    case 'feed':
    case 'author':
      return ['createUserStream', { id: query.id }]
    case 'type':
      return ['messagesByType', { type: query.type }]
    case 'tangle':
      return ['tangle.read', { root: query.root }]
    case 'mentions':
      return ['links', { dest: query.target, rel: 'mentions', values: true }]
    case 'get':
      throw new TypeError('one message comes in no stream')
  }
}

async function headOf(client: Client, id: string): Promise<Head> {
  const latest = await client.getLatest(id)
  return { key: latest?.key ?? null, sequence: latest?.value.sequence ?? 0 }
}

/** As every subject gives it. */
export function digestOfKeys(keys: readonly string[]): string {
  return createHash('sha256')
    .update([...keys].sort().join('\n'))
    .digest('hex')
}
