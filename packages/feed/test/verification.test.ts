import { sha256 } from '@dunbar/core'
import type { ClassicMessage } from '@dunbar/formats'
import { describe, expect, test } from 'vitest'
import type { AppendEntry } from '../src/shard-store.js'
import { verifyFeed } from '../src/verification.js'
import { Author, badlySigned, batchOf, changed, framesOf, TestShard } from './shard-fixture.js'
import { open } from './store-fixture.js'

const entryOf = (message: ClassicMessage, change: Partial<AppendEntry> = {}): AppendEntry => ({
  sequence: message.sequence,
  received: 1,
  keyBytes: message.keyBytes,
  compact: message.compact,
  value: message.value,
  timestamp: message.timestamp,
  inChain: true,
  ...change,
})

/** What verifying says of a log into which these were put unchecked. */
function verified(author: Author, entries: readonly AppendEntry[]) {
  const { store } = open()
  const feed = store.addFeed(author.keys.publicKey)
  for (const entry of entries) store.append(feed, [entry])
  const steps = verifyFeed(store, feed, author.id, null)
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
  }
}

const author = new Author('ada')
const [first, second, third] = author.take(3) as [ClassicMessage, ClassicMessage, ClassicMessage]
const eve = new Author('eve')
const [foreign, foreignSecond] = eve.take(2) as [ClassicMessage, ClassicMessage]
const [one, two, three] = [first, second, third].map((message) => entryOf(message)) as [
  AppendEntry,
  AppendEntry,
  AppendEntry,
]

describe('verifying a feed', () => {
  test('finds nothing in a feed that is whole', () => {
    expect(verified(author, [one, two, three])).toEqual({ messages: 3, damaged: [] })
    expect(verified(author, [])).toEqual({ messages: 0, damaged: [] })
  })

  test('finds nothing in one whose messages came out of order', () => {
    const entries = [{ ...three, inChain: false }, { ...two, inChain: false }, one]
    expect(verified(author, entries)).toEqual({ messages: 3, damaged: [] })
  })

  const otherBranch = author.sign({ type: 'post', text: 'x' }, { ...second, sequence: 1 })
  const wrong: readonly (readonly [string, AppendEntry])[] = [
    [
      'SIGNATURE',
      entryOf(second, {
        compact: badlySigned(second, foreign),
        keyBytes: sha256(
          Buffer.from(
            JSON.stringify(
              JSON.parse(Buffer.from(badlySigned(second, foreign)).toString()),
              null,
              2,
            ),
            'latin1',
          ),
        ),
      }),
    ],
    ['KEY', entryOf(second, { keyBytes: first.keyBytes })],
    ['AUTHOR_MISMATCH', entryOf(foreignSecond)],
    ['SEQUENCE', entryOf(third, { sequence: 2 })],
    ['PREVIOUS', entryOf(otherBranch)],
    ['TIMESTAMP', entryOf(second, { compact: changed(second, { timestamp: 'x' }) })],
    ['NOT_JSON', entryOf(second, { compact: Buffer.from('not json') })],
  ]
  test.each(wrong)('tells of %s, and of what else it breaks', (reason, entry) => {
    const { messages, damaged } = verified(author, [one, entry])
    expect(messages).toBe(2)
    expect(damaged).toEqual([{ sequence: 2, reason }])
  })

  test('counts what it does not list', () => {
    const noJson = Buffer.from('not json')
    const entries = Array.from({ length: 1003 }, (_, index) =>
      entryOf(first, {
        sequence: index + 1,
        keyBytes: sha256(Uint8Array.of(index >> 8, index)),
        compact: noJson,
      }),
    )
    const { messages, damaged, unlisted } = verified(author, entries)
    expect({ messages, listed: damaged.length, unlisted }).toEqual({
      messages: 1003,
      listed: 1000,
      unlisted: 3,
    })
  })

  test('tells of a chain that is broken although the messages lie apart', () => {
    const entries = [{ ...three, inChain: false }, one, entryOf(otherBranch)]
    expect(verified(author, entries).damaged).toEqual([{ sequence: 2, reason: 'PREVIOUS' }])
  })
})

describe('verifying as an actor does', () => {
  test('serves others between two slices, one check at a time', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open()
    await shard.append(ada, ada.take(300))
    const settled: string[] = []
    const note = (name: string) => () => void settled.push(name)
    const checks = ['first check', 'second check'].map((name) => {
      const check = shard.feed(ada).verify()
      void check.then(note(name))
      return check
    })
    const append = shard.feed(ada).append(batchOf(ada, ada.take(1)), false, { lane: 'local' })
    void append.then(note('append'))
    const get = shard.feed(ada).get(301)
    void get.then(note('get'))
    const [first, second] = await shard.run(Promise.all(checks))
    expect(settled).toEqual(['append', 'get', 'first check', 'second check'])
    expect(framesOf((await get)!).map(({ sequence }) => sequence)).toEqual([301])
    expect(first).toEqual({ messages: 300, damaged: [] })
    expect(second).toEqual({ messages: 301, damaged: [] })
    await shard.stop()
  })

  test('is refused like any call when the actor ends in the middle', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open()
    await shard.append(ada, ada.take(300))
    const check = shard.codeOf(shard.feed(ada).verify())
    await shard.stop()
    expect(await check).toBe('ACTOR_DOWN')
  })
})
