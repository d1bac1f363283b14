import { friendsMethods } from '@dunbar/api'
import type { Graph } from '@dunbar/graph'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Person, SimulatedShards } from '../fixtures/simulated-graph.js'
import { readVectors } from './vectors.js'

/** What the npm package ssb-friends answers, see `about` in the file. */
interface Vectors {
  readonly cases: readonly Case[]
}

interface Case {
  readonly max: number
  /** Author, contact and the rest of the content. */
  readonly messages: readonly (readonly [string, string, Readonly<Record<string, unknown>>])[]
  /** Messages that were there when the streams were opened. */
  readonly half: number
  readonly queries: readonly { method: string; args: readonly unknown[]; result: unknown }[]
  readonly streams: Readonly<Record<string, readonly unknown[]>>
}

const { cases } = readVectors<Vectors>('ssb-friends.json')
const people = new Map([...'abcdefghij'].map((name) => [name, new Person(`friend ${name}`)]))
const nameOf = new Map([...people].map(([name, { id }]) => [id as string, name]))

const mapped = (value: unknown, map: (text: string) => string): unknown => {
  if (typeof value === 'string') return map(value)
  if (Array.isArray(value)) return value.map((each) => mapped(each, map))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [map(name), mapped(each, map)]),
  )
}
const named = (value: unknown) => mapped(value, (text) => nameOf.get(text) ?? text)
const unnamed = (value: unknown) => mapped(value, (text) => people.get(text)?.id ?? text)

const OPTIONS: Readonly<Record<string, readonly [string, object]>> = {
  hopStream: ['hopStream', {}],
  'hopStream old': ['hopStream', { old: true }],
  'hopStream old not live': ['hopStream', { live: false, old: true }],
  'hopStream not live': ['hopStream', { live: false }],
  graphStream: ['graphStream', {}],
  'graphStream old': ['graphStream', { old: true }],
  'graphStream not live': ['graphStream', { live: false }],
  stream: ['stream', {}],
  createFriendStream: ['createFriendStream', {}],
  'createFriendStream meta': ['createFriendStream', { meta: true }],
  'createFriendStream live': ['createFriendStream', { live: true }],
  'createFriendStream live meta': ['createFriendStream', { live: true, meta: true }],
  'createFriendStream live not old': ['createFriendStream', { live: true, old: false, meta: true }],
}

function call(
  graph: Graph,
  method: string,
  args: readonly unknown[],
  signal: AbortSignal,
): unknown {
  const found = friendsMethods(graph).find(({ name }) => name === method)
  return found!.handler(args, { signal } as never)
}

/** Items of a stream, as far as they have come. */
function reading(stream: unknown): unknown[] {
  const items: unknown[] = []
  void (async () => {
    for await (const item of stream as AsyncIterable<unknown>) items.push(named(item))
  })()
  return items
}

/**
 * What a reader knows at the end who knew the graph when it opened the stream. The package tells of an edge also where nothing about it is new, and
 * may tell of hops in other steps.
 */
function known(name: string, items: readonly unknown[], before: unknown): unknown {
  const [, options] = OPTIONS[name]!
  if (name.startsWith('createFriendStream')) {
    if (!('meta' in options)) return new Set(items)
    return new Map(items.map((item) => Object.values(item as object) as [unknown, unknown]))
  }
  if (name === 'stream') {
    const [whole, ...edges] = items as { from: string; to: string; value: unknown }[]
    const pairs = pairsOf(whole)
    for (const { from, to, value } of edges) pairs.set(`${from} ${to}`, value)
    return pairs
  }
  if (name.startsWith('hopStream')) return Object.assign({}, ...items)
  const pairs = pairsOf(before)
  for (const item of items) for (const [pair, value] of pairsOf(item)) pairs.set(pair, value)
  return pairs
}

function pairsOf(graph: unknown): Map<string, unknown> {
  const pairs = new Map<string, unknown>()
  for (const [from, contacts] of Object.entries(graph as object)) {
    for (const [to, value] of Object.entries(contacts)) pairs.set(`${from} ${to}`, value)
  }
  return pairs
}

describe.each(cases.map((each, number) => [number, each] as const))('case %i', (_, each) => {
  const opened: Record<string, unknown[]> = {}
  const abort = new AbortController()
  let shards: SimulatedShards
  let graph: Graph

  beforeAll(async () => {
    shards = await SimulatedShards.open()
    const writers = new Map([...people.keys()].map((name) => [name, new Person(`friend ${name}`)]))
    graph = await shards.graph({ id: writers.get('a')!.id, maxHops: each.max })
    for (const [number, [author, contact, state]] of each.messages.entries()) {
      if (number === each.half) {
        for (const [name, [method, options]] of Object.entries(OPTIONS)) {
          opened[name] = reading(call(graph, `friends.${method}`, [options], abort.signal))
        }
        await shards.simulation.runUntilIdle()
      }
      const writer = writers.get(author)!
      await shards.store(writer, [writer.say(writers.get(contact)!, state)])
    }
    await shards.simulation.runUntilIdle()
  })

  afterAll(async () => {
    abort.abort()
    await shards.run(graph.close())
    await shards.stop()
  })

  test('answers as ssb-friends does', async () => {
    for (const { method, args, result } of each.queries) {
      const answer = await call(graph, method, unnamed(args) as unknown[], abort.signal)
      expect(named(answer), `${method} ${JSON.stringify(args)}`).toEqual(result)
    }
  })

  test('tells in streams what ssb-friends tells', () => {
    for (const [name, items] of Object.entries(each.streams)) {
      const before = each.streams['graphStream old']![0]
      expect(known(name, opened[name]!, before), name).toEqual(known(name, items, before))
    }
  })
})
