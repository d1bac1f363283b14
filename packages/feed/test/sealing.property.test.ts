import { MemoryFileSystem } from '@dunbar/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SignedFeed, seal, unseal } from './sealed-fixture.js'
import { messagesOf, type Opened, open, outOfOrder, rebuilt } from './store-fixture.js'

const feed = new SignedFeed('model', 30)
const { idBytes, entries } = feed
const texts = feed.texts()

/** What is done to a feed, one after the other. */
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ append: fc.integer({ min: 1, max: 6 }) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        skip: fc.integer({ min: 1, max: 3 }),
        ahead: fc.integer({ min: 1, max: 3 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        seal: fc.integer({ min: 0, max: 4 }),
        size: fc.integer({ min: 1, max: 5 }),
      }),
    },
    fc.constantFrom(
      'unseal',
      'start',
      'restart',
      'checkpoint',
      'rebuild',
      'rebuildFeed',
      'passivate',
    ),
  ),
  { maxLength: 25 },
)

type Step = (typeof steps extends fc.Arbitrary<infer Steps> ? Steps : never) extends (infer One)[]
  ? One
  : never

/** The obvious store: which messages are there. */
class Model {
  readonly held = new Set<number>()

  get head(): number {
    let head = 0
    while (this.held.has(head + 1)) head += 1
    return head
  }

  get texts(): string[] {
    return texts.filter((_, index) => this.held.has(index + 1))
  }

  /** Takes in the next messages of the chain, those that wait left out. */
  next(count: number): number[] {
    const taken: number[] = []
    for (let sequence = this.head + 1; sequence <= 30 && taken.length < count; sequence++) {
      if (this.held.has(sequence)) break
      taken.push(sequence)
    }
    for (const sequence of taken) this.held.add(sequence)
    return taken
  }

  ahead(skip: number, count: number): number[] {
    const from = this.head + 1 + skip
    const taken = Array.from({ length: count }, (_, index) => from + index)
    const fresh = taken.filter((sequence) => sequence <= 30 && !this.held.has(sequence))
    for (const sequence of fresh) this.held.add(sequence)
    return fresh
  }
}

async function act(
  step: Step,
  fs: MemoryFileSystem,
  opened: Opened,
  model: Model,
): Promise<Opened> {
  const { store } = opened
  const number = store.addFeed(idBytes)
  if (step === 'unseal') await unseal(store, number)
  else if (step === 'start') return open(fs)
  else if (step === 'restart') {
    await store.close()
    return open(fs)
  } else if (step === 'checkpoint') await store.checkpoint()
  else if (step === 'rebuild') expect(rebuilt(store)).toEqual([])
  else if (step === 'rebuildFeed') store.rebuildFeed(number)
  else if (step === 'passivate') store.passivate(number)
  else if ('append' in step) {
    const taken = model.next(step.append).map((sequence) => entries[sequence - 1]!)
    if (taken.length > 0) store.append(number, taken)
  } else if ('ahead' in step) {
    const taken = model.ahead(step.skip, step.ahead).map((sequence) => entries[sequence - 1]!)
    if (taken.length > 0) store.append(number, taken.map(outOfOrder))
  } else {
    await seal(store, number, { keepMessages: step.seal, blockMessages: step.size })
  }
  return opened
}

describe('a feed that is sealed and unsealed between all that happens to it', () => {
  it('holds what a plain set of messages holds', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const fs = new MemoryFileSystem()
        const model = new Model()
        let opened = open(fs)
        for (const step of list) {
          opened = await act(step, fs, opened, model)
          const { store, troubles } = opened
          const number = store.addFeed(idBytes)
          expect(messagesOf(store, idBytes)).toEqual(model.texts)
          expect(store.feedInfo(number).sequence).toBe(model.head)
          expect(troubles.filter(({ kind }) => kind !== 'snapshotUnusable')).toEqual([])
          const { bytes } = store.feedInfo(number)
          const files = [...fs.snapshot()].filter(([path]) => path.startsWith('/data/feeds/'))
          expect(bytes).toBe(files.reduce((sum, [, content]) => sum + content.length, 0))
        }
      }),
      { numRuns: 60 },
    )
  })
})
