/**
 * Streams of several shards as one. Each shard gives its items in the order asked for, with the
 * number that orders them; old ones are merged by that number, live ones are passed on as they come.
 * One chunk of each shard is held at most.
 */

/** Goes through one chunk of a shard. */
export interface Steps<Item> {
  /** To the next item; false at the end. */
  next(): boolean
  /** What orders the item at hand. */
  readonly order: number
  /** The item at hand; valid until the next step. */
  readonly item: Item
}

export interface MergeOptions {
  readonly reverse: boolean
  /** Whether stored items come first. */
  readonly old: boolean
}

type Sync = { readonly sync: true }

interface Lane<Chunk, Item> {
  readonly source: AsyncIterator<Chunk | Sync>
  steps: Steps<Item> | null
  state: 'old' | 'synced' | 'ended'
}

/** An item; `'sync'` once when all shards have given what was stored and stay open; `'pause'` before each wait. */
export type Merged<Item> = { readonly item: Item } | 'sync' | 'pause'

/**
 * Merges the streams of all shards. On `'pause'` the next step has to wait for a shard: what was
 * collected should be sent before.
 */
export async function* mergeShards<Chunk, Item>(
  sources: readonly AsyncIterable<Chunk | Sync>[],
  { reverse: isReverse, old: hasOld }: MergeOptions,
  stepsOf: (chunk: Chunk) => Steps<Item>,
): AsyncGenerator<Merged<Item>> {
  const lanes = sources.map(
    (source): Lane<Chunk, Item> => ({
      source: source[Symbol.asyncIterator](),
      steps: null,
      state: 'old',
    }),
  )
  const fill = (lane: Lane<Chunk, Item>) => fillLane(lane, stepsOf)
  try {
    if (!hasOld) {
      // Before anything is awaited: what is appended from here on is in the stream.
      yield* passOn(lanes, stepsOf)
      return
    }
    await Promise.all(lanes.map(fill))
    for (let lane = first(lanes, isReverse); lane !== null; lane = first(lanes, isReverse)) {
      yield lane.steps!
      if (lane.steps!.next()) continue
      yield 'pause'
      await fill(lane)
    }
    const live = lanes.filter(({ state }) => state === 'synced')
    if (live.length === 0) return
    yield 'sync'
    yield 'pause'
    yield* passOn(live, stepsOf)
  } finally {
    await Promise.all(lanes.map((lane) => lane.source.return?.()))
  }
}

async function* passOn<Chunk, Item>(
  lanes: readonly Lane<Chunk, Item>[],
  stepsOf: (chunk: Chunk) => Steps<Item>,
): AsyncGenerator<Merged<Item>> {
  const waiting = new Map(lanes.map((lane) => [lane, nextOf(lane)]))
  while (waiting.size > 0) {
    const { lane, result } = await Promise.race(waiting.values())
    if (result.done) {
      waiting.delete(lane)
      continue
    }
    if (!isSync(result.value)) {
      const steps = stepsOf(result.value)
      while (steps.next()) yield steps
      yield 'pause'
    }
    waiting.set(lane, nextOf(lane))
  }
}

const nextOf = <Chunk, Item>(lane: Lane<Chunk, Item>) =>
  handled(lane.source.next().then((result) => ({ lane, result })))

/**
 * The same promise. It may be rejected before anybody waits for it, or after the last one who did
 * has left; an unhandled rejection would end the process. Whoever waits for it still gets it.
 */
export function handled<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => undefined)
  return promise
}

/** Gets the next chunk that has items, or finds the end of the old ones. */
async function fillLane<Chunk, Item>(
  lane: Lane<Chunk, Item>,
  stepsOf: (chunk: Chunk) => Steps<Item>,
): Promise<void> {
  lane.steps = null
  while (lane.state === 'old' && lane.steps === null) {
    const { done, value } = await lane.source.next()
    if (done) lane.state = 'ended'
    else if (isSync(value)) lane.state = 'synced'
    else {
      const steps = stepsOf(value)
      if (steps.next()) lane.steps = steps
    }
  }
}

const isSync = <Chunk>(chunk: Chunk | Sync): chunk is Sync => (chunk as Partial<Sync>).sync === true

function first<Chunk, Item>(
  lanes: readonly Lane<Chunk, Item>[],
  isReverse: boolean,
): Lane<Chunk, Item> | null {
  let best: Lane<Chunk, Item> | null = null
  for (const lane of lanes) {
    if (lane.steps === null) continue
    const difference = best === null ? 0 : lane.steps.order - best.steps!.order
    if (best === null || (isReverse ? difference > 0 : difference < 0)) best = lane
  }
  return best
}
