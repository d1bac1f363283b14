import type { FeedId, MessageKey } from '@dunbar/core'
import { connectedHeads, heads, sortTangle, type TangleMessage } from '@dunbar/tangle'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const rootKey = '%0' as MessageKey
const nameOf = (number: number): MessageKey => `%${number}` as MessageKey

interface Shape {
  readonly timestamp: number
  readonly links: readonly number[]
  readonly startedAt: number | null
}

/** Links are numbers: earlier messages, or missing ones from 100 on; `isHonest` false lets them point anywhere. */
const tangle = (isHonest: boolean): fc.Arbitrary<TangleMessage[]> =>
  fc
    .tuple(
      fc.array(
        fc.record({
          timestamp: fc.integer({ min: 0, max: 6 }),
          links: fc.array(
            fc.oneof(
              { weight: 8, arbitrary: fc.nat(20) },
              { weight: 1, arbitrary: fc.integer({ min: 100, max: 102 }) },
            ),
            { maxLength: 4 },
          ),
          startedAt: fc.option(fc.nat(20), { freq: 5 }),
        }),
        { minLength: 1, maxLength: 20 },
      ),
      fc.boolean(),
    )
    .map(([shapes, isRootHeld]) => {
      const messages = shapes.map((shape, number) => fromShape(shape, number, isHonest))
      return isRootHeld ? messages : messages.slice(1)
    })

function fromShape(shape: Shape, number: number, isHonest: boolean): TangleMessage {
  const fit = (link: number): number => (isHonest && link < 100 ? link % Math.max(number, 1) : link)
  const startedAt = shape.startedAt === null ? 0 : fit(shape.startedAt)
  const isSub = number > 0 && startedAt !== 0
  return {
    key: nameOf(number),
    author: '@a' as FeedId,
    timestamp: shape.timestamp,
    root: number === 0 ? null : nameOf(isSub ? startedAt : 0),
    fork: isSub ? rootKey : null,
    branch: shape.links.map((link) => nameOf(fit(link))),
    isPrivate: false,
  }
}

/** The rules read aloud: no numbering, no heap, no components. */
function slowSort(messages: readonly TangleMessage[]): {
  order: MessageKey[]
  connected: Set<MessageKey>
  parentsOf: (message: TangleMessage) => MessageKey[]
  isSameCycle: (a: MessageKey, b: MessageKey) => boolean
} {
  const held = new Map(messages.map((message) => [message.key, message]))
  const parentsOf = (message: TangleMessage): MessageKey[] => {
    if (message.key === rootKey) return []
    const named = [...message.branch]
    if (message.root !== null && (message.root !== rootKey || named.length === 0))
      named.push(message.root)
    return named
  }
  const canReach = (from: MessageKey, to: MessageKey): boolean => {
    const seen = new Set<MessageKey>()
    const walk = (key: MessageKey): boolean => {
      const message = held.get(key)
      if (message === undefined || seen.has(key)) return false
      seen.add(key)
      return parentsOf(message).some((parent) => parent === to || walk(parent))
    }
    return walk(from)
  }
  const isSameCycle = (a: MessageKey, b: MessageKey): boolean =>
    a === b || (canReach(a, b) && canReach(b, a))

  const waiting = new Map(held)
  const order: MessageKey[] = []
  const place = (key: MessageKey): void => {
    order.push(key)
    waiting.delete(key)
  }
  if (waiting.has(rootKey)) place(rootKey)
  while (waiting.size > 0) {
    const ready = [...waiting.values()].filter((message) =>
      parentsOf(message).every(
        (parent) => !waiting.has(parent) || isSameCycle(parent, message.key),
      ),
    )
    ready.sort((a, b) => a.timestamp - b.timestamp || (a.key < b.key ? -1 : 1))
    place((ready[0] as TangleMessage).key)
  }

  const connected = new Set<MessageKey>([rootKey])
  for (let size = 0; size !== connected.size; ) {
    size = connected.size
    for (const message of held.values()) {
      if (parentsOf(message).every((parent) => connected.has(parent))) connected.add(message.key)
    }
  }
  return { order, connected, parentsOf, isSameCycle }
}

describe.each([true, false])('a tangle of messages that are honest: %s', (isHonest) => {
  test('is sorted as the slow reading of the rules has it', () => {
    fc.assert(
      fc.property(tangle(isHonest), (messages) => {
        const sorted = sortTangle(rootKey, messages)
        const slow = slowSort(messages)
        const keys = (indexes: readonly number[]): unknown[] =>
          indexes.map((index) => messages[index]?.key)
        expect(keys(sorted.order)).toEqual(slow.order)
        expect(keys(sorted.disconnected)).toEqual(
          slow.order.filter((key) => !slow.connected.has(key)),
        )
        const held = new Set(slow.order)
        const named = new Set(messages.flatMap(slow.parentsOf))
        if (!held.has(rootKey)) named.add(rootKey)
        expect(sorted.missing).toEqual([...named].filter((key) => !held.has(key)).sort())
        const isCyclic = (message: TangleMessage): boolean =>
          message.key !== rootKey &&
          slow.parentsOf(message).some((parent) => slow.isSameCycle(parent, message.key))
        expect(new Set(keys(sorted.cyclic))).toEqual(
          new Set(messages.filter(isCyclic).map((message) => message.key)),
        )
        if (isHonest) expect(sorted.cyclic).toEqual([])
      }),
      { numRuns: 400 },
    )
  })

  test('has every message once, after all that it names and that is held', () => {
    fc.assert(
      fc.property(tangle(isHonest), (messages) => {
        const { order, cyclic } = sortTangle(rootKey, messages)
        expect([...order].sort((a, b) => a - b)).toEqual(messages.map((_, index) => index))
        const placeOf = new Map(order.map((index, place) => [messages[index]?.key, place]))
        for (const [index, message] of messages.entries()) {
          if (message.key === rootKey || cyclic.includes(index)) continue
          for (const parent of message.branch) {
            expect(placeOf.get(parent) ?? -1).toBeLessThan(placeOf.get(message.key) as number)
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  test('is the same whatever order the messages come in, and how often', () => {
    const shuffled = tangle(isHonest).chain((messages) =>
      fc.tuple(
        fc.constant(messages),
        fc.shuffledSubarray([...messages, ...messages], { minLength: messages.length * 2 }),
      ),
    )
    fc.assert(
      fc.property(shuffled, ([messages, others]) => {
        const keyed = (input: readonly TangleMessage[]): unknown => {
          const { order, disconnected, cyclic, ...rest } = sortTangle(rootKey, input)
          const keys = (indexes: readonly number[]): unknown[] =>
            indexes.map((index) => input[index]?.key)
          return {
            order: keys(order),
            disconnected: keys(disconnected),
            cyclic: keys(cyclic),
            ...rest,
          }
        }
        expect(keyed(others)).toEqual(keyed(messages))
      }),
      { numRuns: 300 },
    )
  })

  test('has the heads that the rules say', () => {
    fc.assert(
      fc.property(tangle(isHonest), (messages) => {
        const members = messages.filter(({ key, root }) => key === rootKey || root === rootKey)
        const namedBy = (namers: readonly TangleMessage[]): Set<MessageKey> =>
          new Set(
            namers
              .filter(({ key }) => key !== rootKey)
              .flatMap(({ key, branch }) => branch.filter((one) => one !== key)),
          )
        const keysOutside = (all: readonly TangleMessage[]): MessageKey[] =>
          all
            .map(({ key }) => key)
            .filter((key) => !namedBy(all).has(key))
            .sort()
        expect(heads(rootKey, messages)).toEqual(keysOutside(members))
        expect(sortTangle(rootKey, messages).heads).toEqual(keysOutside(members))

        const connected = new Set(members.filter(({ key }) => key === rootKey))
        for (let size = -1; size !== connected.size; ) {
          size = connected.size
          const keys = new Set([...connected].map(({ key }) => key))
          for (const member of members) {
            if (member.branch.length > 0 && member.branch.every((key) => keys.has(key)))
              connected.add(member)
          }
        }
        expect(connectedHeads(rootKey, messages)).toEqual(keysOutside([...connected]))
      }),
      { numRuns: 300 },
    )
  })
})
