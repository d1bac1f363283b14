import type { ChildSpec } from '@dunbar/actor'
import { CodedError } from '@dunbar/core'
import { type ClassicMessage, readClassic } from '@dunbar/formats'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { verifySignatureBatch } from '../src/signature-batch.js'
import { ReferenceFeed } from './append-reference.js'
import { Author, badlySigned, batchOf, cpuActor, framesOf, TestShard } from './shard-fixture.js'

const LENGTH = 400
const author = new Author('author')
const stranger = new Author('stranger')
const trunk = author.take(LENGTH)
const foreign = stranger.take(1)[0] as ClassicMessage
/** At each place: another message, one that follows it, and one that follows the unsigned one. */
const branch = trunk.slice(0, 24).map((_, at) => {
  const head = at === 0 ? null : (trunk[at - 1] as ClassicMessage)
  const other = author.sign({ type: 'post', text: `other ${at + 1}` }, head)
  const unsigned = readClassic(badlySigned(trunk[at] as ClassicMessage, foreign))
  if (!unsigned.ok) throw new Error(unsigned.reason)
  return {
    other,
    next: author.sign({ type: 'post', text: 'and on' }, other),
    afterUnsigned: author.sign({ type: 'post', text: 'after none' }, unsigned.message),
  }
})

type Kind = 'good' | 'unsigned' | 'afterUnsigned' | 'other' | 'next' | 'foreign' | 'garbage'

interface Item {
  readonly kind: Kind
  readonly at: number
}

function bytesOf({ kind, at }: Item): Uint8Array {
  const message = trunk[at % LENGTH] as ClassicMessage
  const side = branch[at % branch.length]!
  switch (kind) {
    case 'good':
      return message.compact
    case 'unsigned':
      return badlySigned(message, foreign)
    case 'afterUnsigned':
      return side.afterUnsigned.compact
    case 'other':
      return side.other.compact
    case 'next':
      return side.next.compact
    case 'foreign':
      return foreign.compact
    case 'garbage':
      return Buffer.from('{"previous":null}')
  }
}

/** What may stand where a shard expects the pool. */
const pools: Readonly<Record<string, readonly ChildSpec[]>> = {
  absent: [],
  working: [cpuActor()],
  failing: [
    cpuActor(() => {
      throw new CodedError('POOL_BROKEN', 'no thread is left')
    }),
  ],
  short: [cpuActor((batch) => verifySignatureBatch(batch).subarray(1))],
}

/** Appends in batches and compares everything that can be seen with the reference. */
async function compare(
  items: readonly Item[],
  batchSizes: readonly number[],
  modes: readonly boolean[],
  pool: string,
): Promise<void> {
  const reference = new ReferenceFeed(author.id)
  const shard = await TestShard.open({ services: pools[pool] ?? [] })
  const feed = shard.feed(author)
  let from = 0
  let added = 0
  let known = 0
  const reasons = new Map<string, number>()
  for (let turn = 0; from < items.length; turn++) {
    const size = batchSizes[turn % batchSizes.length] as number
    const bytes = items.slice(from, from + size).map(bytesOf)
    from += size
    const isOutOfOrder = modes[turn % modes.length] as boolean
    for (const each of bytes) reference.take(each, isOutOfOrder)
    const result = await shard.run(feed.append(batchOf(author, bytes), isOutOfOrder))
    added += result.added
    known += result.known
    for (const { reason, count } of result.rejected) {
      reasons.set(reason, (reasons.get(reason) ?? 0) + count)
    }
    expect({ added, known, reasons: sorted(reasons) }).toEqual({
      added: reference.added,
      known: reference.known,
      reasons: sorted(reference.reasons),
    })
  }
  const status = await shard.run(feed.status())
  expect(status.sequence).toBe(reference.head)
  expect(status.messages).toBe(reference.held.size)
  expect(status.forked).toBe(reference.forked.size > 0)
  const stored = new Map<number, string>()
  for await (const chunk of runAll(shard, feed.read({}))) {
    for (const { sequence, message } of framesOf(chunk)) {
      expect(stored.has(sequence)).toBe(false)
      stored.set(sequence, message)
    }
  }
  expect(sorted(stored)).toEqual(
    sorted(new Map([...reference.held].map(([sequence, { text }]) => [sequence, text]))),
  )
  const evidence = await shard.run(feed.forks())
  const refused = new Set(evidence.map((fork) => framesOf(fork.refused)[0]?.key))
  expect(evidence.length).toBe(Math.min(16, reference.forked.size))
  for (const key of refused) expect(reference.forked.has(key as string)).toBe(true)
  await shard.stop()
}

async function* runAll(
  shard: TestShard,
  stream: AsyncIterableIterator<{ readonly frames: ArrayBuffer } | { readonly sync: true }>,
): AsyncGenerator<ArrayBuffer> {
  for (;;) {
    const { done, value } = await shard.run(stream.next())
    if (done) return
    if ('frames' in value) yield value.frames
  }
}

const sorted = <Key extends number | string, Value>(map: ReadonlyMap<Key, Value>) =>
  [...map].sort(([left], [right]) => (left < right ? -1 : 1))

const kinds = fc.constantFrom<Kind>(
  'good',
  'good',
  'good',
  'good',
  'good',
  'unsigned',
  'unsigned',
  'afterUnsigned',
  'afterUnsigned',
  'other',
  'next',
  'foreign',
  'garbage',
)

/** Whether a batch is taken out of order, in turn. */
const modes = fc.array(fc.boolean(), { minLength: 1, maxLength: 3 })

describe('a run of messages', () => {
  test('has the outcome of checking and storing one after the other, whatever comes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ kind: kinds, at: fc.nat(11) }), { maxLength: 60 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 }),
        modes,
        (items, batchSizes, isOutOfOrder) => compare(items, batchSizes, isOutOfOrder, 'absent'),
      ),
      { numRuns: 800 },
    )
  }, 120_000)

  test('has that outcome through the cpu pool too, and where the pool is absent or fails', async () => {
    const edit = fc.record({
      place: fc.nat(LENGTH - 1),
      kind: kinds,
      at: fc.nat(LENGTH - 1),
      what: fc.constantFrom('replace', 'insert', 'drop', 'repeat'),
      isNear: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(edit, { maxLength: 12 }),
        fc.array(fc.integer({ min: 100, max: 700 }), { minLength: 1, maxLength: 3 }),
        modes,
        fc.constantFrom('working', 'working', 'absent', 'failing', 'short'),
        async (edits, batchSizes, isOutOfOrder, pool) => {
          const items: Item[] = trunk.map((_, at) => ({ kind: 'good', at }))
          for (const { place, kind, at, what, isNear } of edits) {
            const item = { kind, at: isNear ? place : at }
            if (what === 'replace') items.splice(place, 1, item)
            else if (what === 'insert') items.splice(place, 0, item)
            else if (what === 'drop') items.splice(place, 1)
            else items.splice(place, 0, ...items.slice(place, place + 100))
          }
          await compare(items, batchSizes, isOutOfOrder, pool)
        },
      ),
      { numRuns: 80 },
    )
  }, 120_000)
})
