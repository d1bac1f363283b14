import { CodedError, type FeedId, isFeedId, toSigil } from '@dunbar/core'
import type { EdgeChange, EdgeValue, Graph, HopsQuery } from '@dunbar/graph'
import type { Method } from '@dunbar/wire'
import { LatestValues } from './latest-values.js'
import { asynchronous, source } from './method.js'
import { booleanOption, feedArgument, numberOption, optionsOf, stringOption } from './options.js'

/**
 * The follow graph with the names, options, defaults and answers of ssb-friends 5, and the older
 * `get`, `stream` and `createFriendStream` with those of ssb-friends 4. Values of edges: 1 follows,
 * -1 blocks, -2 neither; the older ones say true, false and null. Contacts in private messages are
 * not seen, so `private` in details is always false.
 *
 * @source npm ssb-friends 5.1.7 and 4.4.8
 */
export function friendsMethods(graph: Graph): Method[] {
  const isFollowing = (from: FeedId, to: FeedId) => graph.isFollowing(from, to)
  const isBlocking = (from: FeedId, to: FeedId) => graph.isBlocking(from, to)
  return [
    asynchronous('friends.isFollowing', (args) =>
      relation('friends.isFollowing', args, isFollowing),
    ),
    asynchronous('friends.isBlocking', (args) => relation('friends.isBlocking', args, isBlocking)),
    asynchronous('friends.hops', (args) => Object.fromEntries(hops(graph, args))),
    asynchronous('friends.graph', () => wholeGraph(graph, same)),
    source('friends.hopStream', (args, { signal }) => hopStream(graph, args, signal)),
    source('friends.graphStream', (args, { signal }) => graphStream(graph, args, signal)),
    /** Whom a feed blocks, as go-ssb has it: `{ who }`, default the own feed. */
    source('friends.blocks', (args) => blocks(graph, args)),
    asynchronous('friends.get', (args) => get(graph, args)),
    source('friends.stream', (_args, { signal }) => stream(graph, signal)),
    source('friends.createFriendStream', (args, { signal }) => friendStream(graph, args, signal)),
  ]
}

const same = (value: EdgeValue): EdgeValue => value

/** Follows are true, blocks false. */
const legacy = (value: EdgeValue | null): boolean | null => {
  if (value === null || value === -2) return null
  return value === 1
}

/** What is no classic feed id names a feed that nobody speaks of. @throws {BAD_ARGUMENT} no text */
function feedOption(method: string, options: Readonly<Record<string, unknown>>, name: string) {
  const id = stringOption(method, options, name)
  if (id === undefined) throw new CodedError('BAD_ARGUMENT', `${method}: ${name} must be given`, {})
  return feedOrNull(id)
}

function feedOrNull(id: string): FeedId | null {
  const sigil = id.startsWith('ssb:') ? toSigil(id) : id
  return isFeedId(sigil) ? sigil : null
}

function relation(
  method: string,
  args: readonly unknown[],
  holds: (from: FeedId, to: FeedId) => boolean,
): unknown {
  const options = optionsOf(method, args)
  const from = feedOption(method, options, 'source')
  const to = feedOption(method, options, 'dest')
  const response = from !== null && to !== null && holds(from, to)
  return booleanOption(method, options, 'details', false) ? { response, private: false } : response
}

/** Distances from one feed, or to it. @throws {BAD_ARGUMENT} */
function hops(graph: Graph, args: readonly unknown[]): Map<FeedId, number> {
  const method = 'friends.hops'
  const options = optionsOf(method, args)
  const wanted = stringOption(method, options, 'start')
  const start = wanted === undefined ? graph.id : feedArgument(method, 'start', wanted)
  const maxHops = Math.max(0, numberOption(method, options, 'max') || graph.maxHops)
  const reverse = booleanOption(method, options, 'reverse', false)
  if (start === graph.id && !reverse && maxHops < graph.maxHops) {
    // Not a search with that reach: who is blocked or unfollowed farther away stays in.
    return new Map([...graph.hops()].filter(([, distance]) => distance <= maxHops))
  }
  const query: HopsQuery = { start, maxHops: Math.ceil(maxHops), reverse }
  return graph.hops(query)
}

function wholeGraph<Value>(graph: Graph, shown: (value: EdgeValue) => Value) {
  const whole: Record<FeedId, Record<FeedId, Value>> = {}
  for (const from of graph.sources()) whole[from] = contactsOf(graph, from, shown)
  return whole
}

function contactsOf<Value>(graph: Graph, from: FeedId, shown: (value: EdgeValue) => Value) {
  const contacts: Record<FeedId, Value> = {}
  for (const [to, value] of graph.edgesFrom(from)) contacts[to] = shown(value)
  return contacts
}

async function* blocks(graph: Graph, args: readonly unknown[]): AsyncGenerator<FeedId> {
  const method = 'friends.blocks'
  const wanted = stringOption(method, optionsOf(method, args), 'who')
  const who = wanted === undefined ? graph.id : feedArgument(method, 'who', wanted)
  for (const [to, value] of graph.edgesFrom(who)) if (value === -1) yield to
}

/** With `source`, `dest`, both or neither. */
function get(graph: Graph, args: readonly unknown[]): unknown {
  const method = 'friends.get'
  const options = optionsOf(method, args)
  const [speaker, contact] = [
    stringOption(method, options, 'source'),
    stringOption(method, options, 'dest'),
  ]
  const from = speaker === undefined ? null : feedOrNull(speaker)
  const to = contact === undefined ? null : feedOrNull(contact)
  if (speaker !== undefined) {
    const contacts = from === null ? {} : contactsOf(graph, from, legacy)
    const isKnown = Object.keys(contacts).length > 0
    if (contact === undefined || !isKnown) return contacts
    return to === null ? null : (contacts[to] ?? null)
  }
  if (contact === undefined) return wholeGraph(graph, legacy)
  const speakers: Record<FeedId, boolean | null> = {}
  for (const id of to === null ? [] : graph.sources()) {
    const value = graph.edge(id, to as FeedId)
    if (value !== null) speakers[id] = legacy(value)
  }
  return speakers
}

/** `old` counts only for a live stream: one that is not gives what there is. */
async function* hopChunks(graph: Graph, live: boolean, old: boolean, signal: AbortSignal) {
  if (!live) {
    yield Object.fromEntries(graph.hops())
    return
  }
  const news = new LatestValues<number>()
  const leave = graph.onHops((changes) => {
    // Who fell out of reach is not told of, as there is no number that says so.
    for (const { id, hops } of changes) {
      if (hops === null) news.delete(id)
      else news.set(id, hops)
    }
  })
  try {
    if (old) yield Object.fromEntries(graph.hops())
    for await (const changed of news.taken(signal)) yield Object.fromEntries(changed)
  } finally {
    leave()
  }
}

function hopStream(graph: Graph, args: readonly unknown[], signal: AbortSignal) {
  const method = 'friends.hopStream'
  const options = optionsOf(method, args)
  const live = booleanOption(method, options, 'live', true)
  const old = booleanOption(method, options, 'old', false)
  return hopChunks(graph, live, old, signal)
}

async function* friendStream(graph: Graph, args: readonly unknown[], signal: AbortSignal) {
  const method = 'friends.createFriendStream'
  const options = optionsOf(method, args)
  const live = booleanOption(method, options, 'live', false)
  const old = booleanOption(method, options, 'old', true)
  const hasHops = booleanOption(method, options, 'meta', false)
  let isFirst = true
  for await (const chunk of hopChunks(graph, live, old, signal)) {
    for (const [id, distance] of Object.entries(chunk)) {
      if (isFirst && distance < 0) continue
      yield hasHops ? { id, hops: distance } : id
    }
    isFirst = false
  }
}

/** One item for each edge that changes; before those what `first` gives. */
async function* edgeStream(
  graph: Graph,
  signal: AbortSignal,
  first: (() => unknown) | null,
  itemOf: (change: EdgeChange) => unknown,
) {
  const news = new LatestValues<EdgeChange>()
  const leave = graph.onEdges((changes) => {
    for (const change of changes) news.set(change.source + change.dest, change)
  })
  try {
    if (first !== null) yield first()
    for await (const changed of news.taken(signal)) {
      for (const change of changed.values()) yield itemOf(change)
    }
  } finally {
    leave()
  }
}

/** `old` counts only for a live stream: one that is not gives what there is. */
async function* graphStream(graph: Graph, args: readonly unknown[], signal: AbortSignal) {
  const method = 'friends.graphStream'
  const options = optionsOf(method, args)
  const live = booleanOption(method, options, 'live', true)
  const old = booleanOption(method, options, 'old', false)
  const whole = () => wholeGraph(graph, same)
  if (live) {
    yield* edgeStream(graph, signal, old ? whole : null, ({ source, dest, value }) => ({
      [source]: { [dest]: value ?? -2 },
    }))
  } else {
    yield whole()
  }
}

function stream(graph: Graph, signal: AbortSignal) {
  const whole = () => wholeGraph(graph, legacy)
  return edgeStream(graph, signal, whole, ({ source, dest, value }) => ({
    from: source,
    to: dest,
    value: legacy(value),
  }))
}
