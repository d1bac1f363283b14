import { CodedError, type FeedId, feedIdToBytes, isCodedError } from '@dunbar/core'
import type { FeedStatus, ForkQuery, ForkRow } from '@dunbar/feed'
import type { Method } from '@dunbar/wire'
import { mergeShards, type Steps } from './merge.js'
import { messageValue } from './message-json.js'
import { asynchronous, source } from './method.js'
import { booleanOption, feedArgument, optionsOf } from './options.js'
import { feedOf, type Services, shardOfFeed } from './services.js'

/** Names asked for in one call. */
const MAX_NAMES = 10_000

/** Which feeds are here, and how they are. */
export function feedMethods(services: Services): Method[] {
  return [
    source('feeds.list', () => listFeeds(services)),
    asynchronous('feeds.status', async (args) => {
      return statusOf(services, feedArgument('feeds.status', 'id', args[0] ?? services.id))
    }),
    /** `{ [id]: name }` for the feeds that gave themselves a name. */
    asynchronous('feeds.names', async (args) => {
      const given = Array.isArray(args[0]) ? args[0] : args
      if (given.length > MAX_NAMES) {
        throw new CodedError('BAD_ARGUMENT', `feeds.names: at most ${MAX_NAMES} ids`, {})
      }
      const ids = given.map((id) => feedArgument('feeds.names', 'id', id))
      return namesOf(services, ids)
    }),
    /** Both sides of a fork of this feed, as messages. */
    asynchronous('feeds.forks', async (args) => {
      const id = feedArgument('feeds.forks', 'id', args[0] ?? services.id)
      const forks = await feedOf(services, id).forks()
      return forks.map(({ sequence, kept, refused }) => ({
        sequence,
        kept: messageValue(kept),
        refused: messageValue(refused),
      }))
    }),
    /**
     * `{ id, sequence, kept, refused }` for each fork of any feed: the sequence of the refused
     * message, and the keys of both sides. Options are `live` (default false), `old` and `sync` (true).
     */
    source('feeds.forked', (args, { signal }) => {
      const given = optionsOf('feeds.forked', args)
      const query = {
        live: booleanOption('feeds.forked', given, 'live', false),
        old: booleanOption('feeds.forked', given, 'old', true),
      }
      return readForks(services, query, booleanOption('feeds.forked', given, 'sync', true), signal)
    }),
  ]
}

/** A feed whose actor is set aside can't answer; its shard still knows of it. */
async function statusOf(services: Services, id: FeedId): Promise<FeedStatus> {
  try {
    return await feedOf(services, id).status()
  } catch (error) {
    if (!isCodedError(error) || error.code !== 'ACTOR_QUARANTINED') throw error
    const feeds = await shardOfFeed(services, id).feeds()
    const found = feeds.find((feed) => feed.id === id)
    if (found === undefined) throw error
    return found
  }
}

async function* listFeeds(services: Services): AsyncGenerator<unknown> {
  const parts = await Promise.all(services.shards.map((shard) => shard.feeds()))
  const all = parts.flat().sort((a, b) => (a.id < b.id ? -1 : 1))
  yield* all
}

async function* readForks(
  services: Services,
  query: Required<ForkQuery>,
  saysSync: boolean,
  signal: AbortSignal,
): AsyncGenerator<ForkRow | { sync: true }> {
  const streams = services.shards.map((shard) => shard.forkStream(query, { signal }))
  const merged = mergeShards(
    streams,
    { reverse: false, old: query.old },
    ({ forks }: { readonly forks: readonly ForkRow[] }) => new ForkSteps(forks),
  )
  for await (const step of merged) {
    if (step === 'sync') {
      if (saysSync) yield { sync: true }
    } else if (step !== 'pause') yield step.item
  }
}

/** As many bytes of an id as a number holds exactly. Feeds with the same ones come in any order. */
const ORDER_BYTES = 6

/** Forks of one feed; shards give their feeds by id bytes, and so do all of them together. */
class ForkSteps implements Steps<ForkRow> {
  readonly #forks: readonly ForkRow[]
  readonly order: number
  #position = -1

  constructor(forks: readonly ForkRow[]) {
    this.#forks = forks
    const [first] = forks
    this.order = first === undefined ? 0 : idOrder(first.id)
  }

  next(): boolean {
    this.#position += 1
    return this.#position < this.#forks.length
  }

  get item(): ForkRow {
    return this.#forks[this.#position]!
  }
}

const idOrder = (id: FeedId): number => Buffer.from(feedIdToBytes(id)).readUIntBE(0, ORDER_BYTES)

async function namesOf(services: Services, ids: readonly FeedId[]): Promise<unknown> {
  const names: Record<string, string> = {}
  const byShard = new Map<ReturnType<typeof shardOfFeed>, FeedId[]>()
  for (const id of ids) {
    const shard = shardOfFeed(services, id)
    const wanted = byShard.get(shard)
    if (wanted === undefined) byShard.set(shard, [id])
    else wanted.push(id)
  }
  const found = await Promise.all([...byShard].map(([shard, wanted]) => shard.names(wanted)))
  for (const { id, name } of found.flat()) names[id] = name
  return names
}
