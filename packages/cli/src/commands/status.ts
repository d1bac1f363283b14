import type { NodeStatus, PublishStatus } from '@dunbar/client'
import { type CommandContext, withClient } from '../session.js'
import { grouped, humanBytes, printPairs, printTable } from '../table.js'
import { bytesUnpacked } from './feeds.js'

/** What is shown of dunbar's own part of the status; the whole of it comes with `--json`. */
interface ShownStatus {
  readonly node: {
    readonly version: string
    readonly path: string
    readonly pid: number
    readonly uptimeSeconds: number
    readonly memoryBytes: number
  }
  readonly activeFeeds: number
  readonly shards: readonly ShownShard[]
}

interface ShownShard {
  readonly shard: number
  readonly feeds: number
  readonly activeFeeds: number
  readonly messages: number
  readonly bytes: number
  readonly cache: { readonly bytes: number; readonly hits: number; readonly misses: number }
  readonly openFiles: number
}

const SHARD_COLUMNS = [
  'shard',
  'feeds',
  'active',
  'messages',
  'size',
  'cache',
  'cache hits',
  'open files',
].map((title) => ({ title, isNumber: true }))

/** Hits of all look-ups, as people read it. */
function share(hits: number, misses: number): string {
  return hits + misses === 0 ? '' : `${Math.round((100 * hits) / (hits + misses))} %`
}

/** How long a node has run, in its two largest units. */
export function humanDuration(seconds: number): string {
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [Math.floor(seconds) % 60, 's'],
  ]
  const first = parts.findIndex(([count]) => count > 0)
  if (first === -1) return '0 s'
  return parts
    .slice(first, first + 2)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}

/** Whether the node may sign, and where not, what it waits for. */
export function publishText(publish: PublishStatus | null): string {
  if (publish === null) return 'unknown'
  const { state, held, mark, claimed } = publish
  if (state !== 'recovering') return state
  const known = Math.max(mark ?? 0, claimed)
  const waitsFor =
    known > held
      ? `${grouped(held)} of at least ${grouped(known)} own messages are here`
      : 'peers have not confirmed yet that all own messages are here'
  return `recovering: ${waitsFor}`
}

/** How many are connected, and what they have that is not here. */
export function peersText({ peers, replication }: NodeStatus['network']): string {
  const connected = peers.filter(({ state }) => state === 'connected').length
  const { behind, missing } = replication
  if (behind === 0) return `${connected} connected`
  return `${connected} connected; ${grouped(missing)} messages of ${grouped(behind)} feeds are to come`
}

/** How much lies in blocks; nothing where nothing does. */
function packedPair({ bytes, sealed }: NodeStatus): [string, string][] {
  const { feeds, messages } = sealed
  if (feeds === 0) return []
  const before = humanBytes(bytesUnpacked(bytes, sealed))
  return [['packed', `${grouped(messages)} of ${grouped(feeds)} feeds; ${before} unpacked`]]
}

export interface StatusOptions {
  readonly running?: boolean
}

/** Shows how the node and its shards are. */
export async function showStatus(
  context: CommandContext,
  { running = false }: StatusOptions,
): Promise<number> {
  const { isJson, output } = context
  return withClient(context, { mustRun: running }, async (client) => {
    const answer = await client.status()
    if (isJson) {
      await output.json(answer)
      return 0
    }
    const status = answer as NodeStatus & ShownStatus
    const { node, progress, quarantined, damaged, publish, network } = status
    const { current, target } = progress.indexes
    const troubled: [string, string][] = [
      ...quarantined.map((id): [string, string] => ['quarantined', id]),
      ...damaged.map((id): [string, string] => ['damaged', id]),
    ]
    await printPairs(output, [
      ['id', status.id],
      ['path', node.path],
      ['version', node.version],
      ['process', `${node.pid}, up ${humanDuration(node.uptimeSeconds)}`],
      ['memory', humanBytes(node.memoryBytes)],
      ['feeds', `${grouped(status.feeds)}, ${grouped(status.activeFeeds)} active`],
      ['messages', `${grouped(status.messages)} in ${humanBytes(status.bytes)}`],
      ...packedPair(status),
      ['indexes', current === target ? 'up to date' : `${grouped(current)} of ${grouped(target)}`],
      ['publishing', publishText(publish)],
      ['address', network.address ?? 'none, peers can not connect'],
      ['peers', peersText(network)],
      ...troubled,
    ])
    await output.line()
    await printTable(
      output,
      SHARD_COLUMNS,
      status.shards.map(({ shard, feeds, activeFeeds, messages, bytes, cache, openFiles }) => [
        String(shard),
        grouped(feeds),
        grouped(activeFeeds),
        grouped(messages),
        humanBytes(bytes),
        humanBytes(cache.bytes),
        share(cache.hits, cache.misses),
        grouped(openFiles),
      ]),
    )
    return 0
  })
}
