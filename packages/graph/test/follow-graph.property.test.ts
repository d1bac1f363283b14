import { createHash } from 'node:crypto'
import { type FeedId, feedIdFromBytes } from '@dunbar/core'
import type { ContactRow } from '@dunbar/feed'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FollowGraph, MAX_CONTACTS } from '../src/follow-graph.js'

const idOf = (name: unknown): FeedId =>
  feedIdFromBytes(new Uint8Array(createHash('sha256').update(`feed ${name}`).digest()))

const ids = Array.from({ length: 9 }, (_, number) => idOf(number))
const own = ids[0]!

/** The protocol text word by word: sums and minima over all edges, again and again until nothing moves. */
function slowHops(edges: ReadonlyMap<string, ContactRow>, start: FeedId, maxHops: number) {
  const values = { 1: 1, 0: -2, '-1': -1 }
  const add = (hops: number, value: number) => (value >= 0 ? hops + value : -hops + value)
  const smaller = (a: number | undefined, b: number) => {
    if (a === undefined) return b
    if (Math.abs(a) === Math.abs(b)) return Math.max(a, b)
    return Math.abs(a) < Math.abs(b) ? a : b
  }
  for (let hops = new Map([[start, 0]]); ; ) {
    const next = new Map([[start, 0]])
    for (const { source, dest, state } of edges.values()) {
      const from = hops.get(source)
      if (from === undefined || from < 0 || from >= maxHops || dest === start) continue
      next.set(dest, smaller(next.get(dest), add(from, values[state])))
    }
    const isSame = next.size === hops.size && [...next].every(([id, n]) => hops.get(id) === n)
    if (isSame) return hops
    hops = next
  }
}

const pairOf = ({ source, dest }: { source: FeedId; dest: FeedId }) => `${source} ${dest}`

const contact = fc.record({
  source: fc.constantFrom(own, own, ...ids),
  dest: fc.constantFrom(...ids),
  state: fc.constantFrom<ContactRow['state']>(1, 1, 1, 0, -1),
})
/** A turn: contacts that come, or one that is forgotten. */
const turn = fc.oneof(
  { weight: 5, arbitrary: fc.array(contact, { maxLength: 12 }) },
  { weight: 1, arbitrary: contact },
)

describe('hops', () => {
  test('are after every turn what a slow search finds, and each change is told once', () => {
    fc.assert(
      fc.property(
        fc.array(turn, { maxLength: 12 }),
        fc.integer({ min: 0, max: 5 }),
        (turns, max) => {
          const graph = new FollowGraph(own, max)
          const edges = new Map<string, ContactRow>()
          const told = new Map<FeedId, number | null>([[own, 0]])
          for (const each of turns) {
            if (Array.isArray(each)) {
              graph.apply(each)
              for (const row of each) if (row.source !== row.dest) edges.set(pairOf(row), row)
            } else {
              const held = edges.delete(pairOf(each))
              expect(graph.remove(each.source, each.dest) !== null).toBe(held)
            }
            for (const { id, hops, previous } of graph.settle()) {
              expect(told.get(id) ?? null).toBe(previous)
              expect(hops).not.toBe(previous)
              told.set(id, hops)
            }
            const expected = slowHops(edges, own, max)
            expect(graph.hops()).toEqual(expected)
            for (const id of ids) {
              expect(graph.hopsOf(id)).toBe(expected.get(id) ?? null)
              expect(told.get(id) ?? null).toBe(expected.get(id) ?? null)
            }
            const near = [...expected].filter(([, hops]) => hops > 0)
            const levels = graph.levels()
            for (const [index, level] of levels.entries()) {
              const expectedLevel = near.filter(([, hops]) => hops === index + 1).map(([id]) => id)
              expect([...level].sort()).toEqual(expectedLevel.sort())
            }
            expect(levels.flat()).toHaveLength(near.length)
          }
          expect(graph.edgeCount).toBe(edges.size)
        },
      ),
      { numRuns: 400 },
    )
  })

  test('from another start, to it, and with another reach are what a slow search finds', () => {
    fc.assert(
      fc.property(
        fc.array(contact, { maxLength: 50 }),
        fc.constantFrom(...ids, idOf('stranger')),
        fc.integer({ min: 1, max: 5 }),
        (contacts, start, maxHops) => {
          const graph = new FollowGraph(own, 3)
          graph.apply(contacts)
          graph.settle()
          const rows = contacts.filter(({ source, dest }) => source !== dest)
          const edges = new Map(rows.map((row) => [pairOf(row), row]))
          expect(graph.hops({ start, maxHops })).toEqual(slowHops(edges, start, maxHops))
          const turned = rows.map(({ source, dest, state }) => ({
            source: dest,
            dest: source,
            state,
          }))
          // The latest word of a pair counts, whichever way it is looked at.
          const reversed = new Map(turned.map((row) => [pairOf(row), row]))
          expect(graph.hops({ start, maxHops, reverse: true })).toEqual(
            slowHops(reversed, start, maxHops),
          )
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('edges', () => {
  test('are the latest word on each pair, and a change names what was before', () => {
    fc.assert(
      fc.property(fc.array(contact, { maxLength: 200 }), (contacts) => {
        const graph = new FollowGraph(own, 2)
        const expected = new Map<string, number>()
        for (const row of contacts) {
          const [change] = graph.apply([row])
          const value = row.state === 0 ? -2 : row.state
          const previous = expected.get(pairOf(row)) ?? null
          if (row.source === row.dest || previous === value) {
            expect(change).toBeUndefined()
            continue
          }
          expect(change).toEqual({ source: row.source, dest: row.dest, value, previous })
          expected.set(pairOf(row), value)
        }
        const found = [...graph.sources()].flatMap((source) =>
          [...graph.edgesFrom(source)].map(
            ([dest, value]) => [pairOf({ source, dest }), value] as const,
          ),
        )
        expect(new Map(found)).toEqual(expected)
        expect(found).toHaveLength(expected.size)
        for (const source of ids) {
          for (const dest of ids) {
            expect(graph.edge(source, dest)).toBe(expected.get(pairOf({ source, dest })) ?? null)
          }
        }
      }),
    )
  })

  test('of one author are bounded, those of the own feed are not', () => {
    const graph = new FollowGraph(own, 2)
    const others = Array.from({ length: MAX_CONTACTS + 10 }, (_, number) => idOf(`other ${number}`))
    const say = (source: FeedId) => others.map((dest) => ({ source, dest, state: 1 as const }))
    expect(graph.apply(say(own))).toHaveLength(MAX_CONTACTS + 10)
    expect(graph.apply(say(ids[1]!))).toHaveLength(MAX_CONTACTS)
    expect(graph.passedOverCount).toBe(10)
    // What is known of can still change.
    expect(graph.apply([{ source: ids[1]!, dest: others[0]!, state: -1 }])).toHaveLength(1)
    expect(graph.remove(ids[1]!, others[1]!)).toMatchObject({ value: null, previous: 1 })
    expect(graph.edge(ids[1]!, others[2]!)).toBe(1)
    expect(graph.remove(ids[1]!, others[1]!)).toBeNull()
  })
})
