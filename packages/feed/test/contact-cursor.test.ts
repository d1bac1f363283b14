import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contactRows } from '../src/contact-chunk.js'
import type { ContactChunk, ContactRow } from '../src/protocol.js'
import { Author, TestShard } from './shard-fixture.js'

/** Keeps the latest word of each pair that a stream tells. */
class ContactReader {
  readonly words = new Map<string, ContactRow>()
  readonly stream: AsyncIterableIterator<ContactChunk>
  isSynced = false
  code: string | null = null

  constructor(stream: AsyncIterableIterator<ContactChunk>) {
    this.stream = stream
    this.#read().catch((error: { code: string }) => {
      this.code = error.code
    })
  }

  async #read() {
    for await (const chunk of this.stream) {
      if ('sync' in chunk) this.isSynced = true
      else for (const row of contactRows(chunk)) this.words.set(`${row.source} ${row.dest}`, row)
    }
    this.code = 'ended'
  }

  get rows(): ContactRow[] {
    return [...this.words.values()].sort(byPair)
  }
}

const byPair = (a: ContactRow, b: ContactRow) =>
  a.source + a.dest < b.source + b.dest ? -1 : a.source + a.dest > b.source + b.dest ? 1 : 0

const authors = ['a', 'b', 'c', 'd'].map((name) => new Author(name))
const ids = authors.map(({ id }) => id)

describe('the contacts of a shard', () => {
  const content = fc.oneof(
    fc.record({
      type: fc.constantFrom('contact', 'contact', 'contact', 'post'),
      contact: fc.constantFrom<unknown>(...ids, '@none', null, 7, `%${ids[0]!.slice(1)}`),
      following: fc.option(fc.boolean(), { nil: undefined }),
      blocking: fc.option(fc.boolean(), { nil: undefined }),
    }),
    fc.constant(`${Buffer.alloc(96, 7).toString('base64')}.box`),
  )
  const feeds = fc.array(fc.array(content, { maxLength: 8 }), { minLength: 4, maxLength: 4 })

  test('are the same for a reader who was there, for one who comes later, and when asked', async () => {
    await fc.assert(
      fc.asyncProperty(feeds, fc.array(fc.nat(3), { maxLength: 12 }), async (contents, turns) => {
        const writers = ['a', 'b', 'c', 'd'].map((name) => new Author(name))
        for (const [index, each] of contents.entries()) {
          for (const one of each) writers[index]!.write(one)
        }
        const shard = await TestShard.open()
        const early = new ContactReader(shard.shard.contactStream(true))
        // Out of order: a late message says nothing that a later one has said better.
        for (const turn of turns) {
          const { messages } = writers[turn]!
          const at = turns.indexOf(turn) % Math.max(1, messages.length)
          await shard.append(writers[turn]!, messages.slice(at, at + 2), true)
        }
        for (const writer of writers) await shard.append(writer, writer.messages)
        const late = new ContactReader(shard.shard.contactStream())
        await shard.simulation.runUntilIdle()
        const asked = (await shard.run(shard.shard.contacts(ids))).sort(byPair)
        expect(early.rows).toEqual(asked)
        expect(late.rows).toEqual(asked)
        expect([early.isSynced, early.code]).toEqual([true, null])
        expect([late.isSynced, late.code]).toEqual([false, 'ended'])
        await shard.stop()
      }),
      { numRuns: 60 },
    )
  })

  test('end with INDEX_REBUILT where a feed was folded again', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open()
    ada.write({ type: 'contact', contact: ids[1], following: true })
    await shard.append(ada, ada.messages)
    const reader = new ContactReader(shard.shard.contactStream(true))
    await shard.simulation.runUntilIdle()
    expect(reader.rows).toEqual([{ source: ada.id, dest: ids[1], state: 1 }])
    await shard.run(shard.feed(ada).rebuild())
    await shard.simulation.runUntilIdle()
    expect(reader.code).toBe('INDEX_REBUILT')
    await shard.stop()
  })
})
