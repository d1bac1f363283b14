import { MemoryFileSystem } from '@dunbar/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ContactIndex } from '../src/contact-index.js'
import { SnapshotReader, SnapshotWriter, writeSnapshot } from '../src/snapshot.js'
import { idOf } from './store-fixture.js'

const seed = { high: 5, low: 6 }

const said = fc.record({
  author: fc.nat(3),
  contact: fc.oneof(
    fc.nat(9).map((number) => idOf(number) as string),
    fc.constantFrom('nobody', idOf(1).replace('@', '%').replace('.ed25519', '.sha256')),
  ),
  type: fc.constantFrom('contact', 'contact', 'contact', 'post'),
  following: fc.constantFrom(true, false, undefined, 'yes'),
  blocking: fc.constantFrom(true, false, undefined),
  flagged: fc.constantFrom(undefined, undefined, true, { reason: 'spam' }),
  sequence: fc.integer({ min: 1, max: 50 }),
})

type Said = typeof said extends fc.Arbitrary<infer Value> ? Value : never

function check(index: ContactIndex, messages: readonly Said[], gone: number): void {
  for (let author = 0; author <= 3; author++) {
    const latest = new Map<string, { sequence: number; state: number }>()
    for (const each of author === gone ? [] : messages) {
      const isContact = each.type === 'contact' && /^@.*\.ed25519$/.test(each.contact)
      if (each.author !== author || !isContact || each.contact === idOf(author)) continue
      if (each.sequence < (latest.get(each.contact)?.sequence ?? 0)) continue
      let state = each.following === true ? 1 : 0
      if (each.blocking || each.flagged) state = -1
      latest.set(each.contact, { sequence: each.sequence, state })
    }
    const found = index.contacts(author, idOf(author))
    expect(new Map(found.map(({ dest, state, sequence }) => [dest, { sequence, state }]))).toEqual(
      latest,
    )
  }
}

describe('the contact index', () => {
  it('keeps the latest word by sequence, in whatever order messages come', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(said, { maxLength: 80 }), fc.nat(4), async (messages, gone) => {
        const index = new ContactIndex(seed)
        for (const [row, { author, sequence, ...content }] of messages.entries()) {
          index.fold(row, { feed: author, sequence, content })
        }
        check(index, messages, 9)
        index.dropFeed(gone)
        check(index, messages, gone)
        const writer = new SnapshotWriter()
        index.save(writer)
        const fs = new MemoryFileSystem()
        await writeSnapshot(fs, '/s/one', writer, async () => {})
        const loaded = new ContactIndex(seed)
        loaded.load(SnapshotReader.open(fs, '/s/one')!)
        check(loaded, messages, gone)
        for (const [row, { author, sequence, ...content }] of messages.entries()) {
          if (author === gone) loaded.fold(row, { feed: author, sequence, content })
        }
        check(loaded, messages, 9)
      }),
      { numRuns: 60 },
    )
  })

  it('lets a block win over a follow in one message, as the JavaScript peers do', () => {
    const index = new ContactIndex(seed)
    const content = { type: 'contact', contact: idOf(2), following: true, blocking: true }
    index.fold(0, { feed: 0, sequence: 1, content })
    expect(index.contacts(0, idOf(0))).toEqual([{ dest: idOf(2), state: -1, sequence: 1 }])
  })

  it('ends a follow by any later contact message', () => {
    const index = new ContactIndex(seed)
    const fold = (sequence: number, state: object) =>
      index.fold(0, { feed: 0, sequence, content: { type: 'contact', contact: idOf(2), ...state } })
    fold(1, { following: true })
    fold(2, { blocking: false })
    expect(index.contacts(0, idOf(0))).toEqual([{ dest: idOf(2), state: 0, sequence: 2 }])
  })

  it('keeps apart ids that begin alike', () => {
    const index = new ContactIndex(seed)
    const alike = [1, 2].map((last) => {
      const bytes = Buffer.alloc(32, 7)
      bytes[31] = last
      return `@${bytes.toString('base64')}.ed25519`
    })
    index.fold(0, {
      feed: 0,
      sequence: 1,
      content: { type: 'contact', contact: alike[0], following: true },
    })
    index.fold(1, {
      feed: 0,
      sequence: 2,
      content: { type: 'contact', contact: alike[1], blocking: true },
    })
    expect(index.contacts(0, idOf(0)).map(({ dest, state }) => [dest, state])).toEqual([
      [alike[0], 1],
      [alike[1], -1],
    ])
  })
})
