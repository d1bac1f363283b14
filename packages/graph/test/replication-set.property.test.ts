import { createHash } from 'node:crypto'
import { type FeedId, feedIdFromBytes } from '@dunbar/core'
import type { ContactRow } from '@dunbar/feed'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FollowGraph } from '../src/follow-graph.js'
import { LimitedSet, MAX_REQUESTS, type ReplicationChange } from '../src/replication-set.js'

const idOf = (name: unknown): FeedId =>
  feedIdFromBytes(new Uint8Array(createHash('sha256').update(`feed ${name}`).digest()))

/** Cheaper: for very many. */
const numbered = (number: number): FeedId => {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(0, number)
  return feedIdFromBytes(bytes)
}

const ids = Array.from({ length: 8 }, (_, number) => idOf(number))
const own = ids[0]!

const contact = fc.record({
  op: fc.constant('contact' as const),
  source: fc.constantFrom(own, own, ...ids),
  dest: fc.constantFrom(...ids),
  state: fc.constantFrom<ContactRow['state']>(1, 1, 1, 0, -1),
})
const request = fc.record({
  op: fc.constant('request' as const),
  dest: fc.constantFrom(...ids, idOf('stranger')),
  isWanted: fc.boolean(),
})
const size = fc.record({
  op: fc.constant('size' as const),
  dest: fc.constantFrom(...ids),
  bytes: fc.integer({ min: 1, max: 100 }),
})
const steps = fc.array(fc.oneof({ weight: 4, arbitrary: contact }, request, size), {
  maxLength: 40,
})
const maxFeeds = fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined })
const maxBytes = fc.option(fc.integer({ min: 1, max: 300 }), { nil: undefined })

describe('the replication set', () => {
  test('holds the own feed, what was asked for and the nearest feeds, as far as limits allow', () => {
    fc.assert(
      fc.property(steps, maxFeeds, maxBytes, (all, feedLimit, byteLimit) => {
        const graph = new FollowGraph(own, 3)
        const set = new LimitedSet(
          graph,
          {
            ...(feedLimit === undefined ? {} : { maxFeeds: feedLimit }),
            ...(byteLimit === undefined ? {} : { maxBytes: byteLimit }),
          },
          () => undefined,
        )
        const followed = new Set<FeedId>([own])
        const blocked = new Set<string>()
        let last: ReplicationChange = { added: [], removed: [], blocks: [] }
        set.onChange((change) => {
          last = change
          for (const id of change.added) expect(followed.has(id)).toBe(false)
          for (const id of change.removed) expect(followed.delete(id)).toBe(true)
          for (const id of change.added) followed.add(id)
          for (const { source, dest, isBlocked } of change.blocks) {
            if (isBlocked) blocked.add(`${source} ${dest}`)
            else expect(blocked.delete(`${source} ${dest}`)).toBe(true)
          }
        })
        const requested = new Set<FeedId>()
        let sizes = new Map<FeedId, number>()
        for (const step of all) {
          last = { added: [], removed: [], blocks: [] }
          let changes: ReturnType<FollowGraph['apply']> = []
          if (step.op === 'contact') {
            changes = graph.apply([step])
          } else if (step.op === 'request') {
            set.request(step.dest, step.isWanted)
            if (step.isWanted) requested.add(step.dest)
            else requested.delete(step.dest)
          } else {
            sizes = new Map(sizes).set(step.dest, step.bytes)
            set.setSizes(sizes)
          }
          set.settle(changes, graph.settle())

          const members = [...set.feeds()]
          expect(members[0]).toBe(own)
          expect(set.size).toBe(new Set(members).size)
          expect(new Set(members)).toEqual(followed)
          const certain = [...requested].filter((id) => graph.edge(own, id) !== -1)
          for (const id of certain) expect(set.has(id)).toBe(true)
          const near = [...graph.hops()].filter(([, hops]) => hops >= 0).map(([id]) => id)
          const leftOut = [...set.leftOut()]
          for (const id of members) {
            expect(graph.edge(own, id)).not.toBe(-1)
            expect(near.includes(id) || requested.has(id)).toBe(true)
          }
          // Whoever is near is in or listed, not both.
          const listed = leftOut.map(({ id }) => id)
          expect([...listed, ...members.filter((id) => near.includes(id))].sort()).toEqual(
            [...near].sort(),
          )
          const firstCount = new Set([own, ...certain]).size
          if (feedLimit !== undefined) {
            expect(set.size).toBeLessThanOrEqual(Math.max(feedLimit, firstCount))
          } else expect(leftOut.filter(({ limit }) => limit === 'maxFeeds')).toEqual([])
          const bytesOf = (list: Iterable<FeedId>) =>
            [...list].reduce((sum, id) => sum + (sizes.get(id) ?? 0), 0)
          if (byteLimit !== undefined) {
            const least = bytesOf(new Set([own, ...certain]))
            expect(bytesOf(members)).toBeLessThanOrEqual(Math.max(byteLimit, least))
          } else {
            // No farther feed is in where a nearer one is left out.
            const far = Math.max(
              ...members.filter((id) => !certain.includes(id)).map((id) => graph.hopsOf(id)!),
            )
            for (const { hops } of leftOut) expect(hops).toBeGreaterThanOrEqual(far)
            // Nobody who is as far makes room for another one.
            for (const id of last.removed) {
              const hops = graph.hopsOf(id)
              if (hops === null || hops <= 0 || step.op === 'size') continue
              for (const other of last.added) {
                if (certain.includes(other)) continue
                expect(graph.hopsOf(other)!).toBeLessThanOrEqual(hops)
              }
            }
          }
        }
        for (const source of ids) {
          for (const dest of ids) {
            const isBlocked = graph.edge(source, dest) === -1
            expect(set.isBlocked(source, dest)).toBe(isBlocked)
            expect(blocked.has(`${source} ${dest}`)).toBe(isBlocked)
          }
        }
      }),
      { numRuns: 200 },
    )
  })

  test('who comes new pushes nobody out who is as near', () => {
    const [a, b, c] = [...ids.slice(1, 4)].sort() as [FeedId, FeedId, FeedId]
    const graph = new FollowGraph(own, 2)
    const set = new LimitedSet(graph, { maxFeeds: 3 }, () => undefined)
    const follow = (dest: FeedId) => {
      const changes = graph.apply([{ source: own, dest, state: 1 }])
      set.settle(changes, graph.settle())
    }
    for (const dest of [c, b, a]) follow(dest)
    expect([...set.feeds()].sort()).toEqual([own, b, c].sort())
    expect([...set.leftOut()]).toEqual([{ id: a, hops: 1, limit: 'maxFeeds' }])
  })

  test('takes a bounded number of requests', () => {
    const set = new LimitedSet(new FollowGraph(own, 2), {}, () => undefined)
    for (let count = 0; count < MAX_REQUESTS; count++) set.request(numbered(count), true)
    set.request(numbered(0), true)
    expect(() => set.request(idOf('one more'), true)).toThrow(
      expect.objectContaining({ code: 'TOO_MANY_REQUESTS' }),
    )
    set.request(numbered(0), false)
    set.request(idOf('one more'), true)
    set.settle([], [])
    expect(set.size).toBe(MAX_REQUESTS + 1)
  })
})
