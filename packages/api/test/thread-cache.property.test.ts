import type { MessageKey } from '@dunbar/core'
import { ChangeCounts, changeCountBytes, KeyHints, type ShardClient } from '@dunbar/feed'
import { RawBatch } from '@dunbar/wire'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Person, SimulatedShards } from '../../../test/fixtures/simulated-graph.js'
import type { Services } from '../src/services.js'
import { tangleMethods } from '../src/tangles.js'
import { ThreadCache } from '../src/thread-cache.js'

const NAMES = ['ada', 'ben', 'cleo', 'dan']
const BOX = `${Buffer.alloc(200, 7).toString('base64')}.box`

const who = fc.nat(NAMES.length - 1)
const steps = fc.oneof(
  { weight: 3, arbitrary: fc.record({ does: fc.constant('begin' as const), who }) },
  {
    weight: 6,
    arbitrary: fc.record({
      does: fc.constant('reply' as const),
      who,
      thread: fc.nat(),
      fork: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('box' as const), who }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('block' as const), who }) },
  {
    weight: 9,
    arbitrary: fc.record({
      does: fc.constant('read' as const),
      thread: fc.nat(),
      options: fc.record(
        { keys: fc.boolean(), meta: fc.boolean(), limit: fc.integer({ min: -1, max: 3 }) },
        { requiredKeys: [] },
      ),
    }),
  },
)

test('a thread that is read again is what the shards would say, whatever came in between', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 4, maxLength: 40 }), async (taken) => {
      const people = NAMES.map((name) => new Person(name))
      const shards = await SimulatedShards.open(2)
      const changes = new ChangeCounts(shards.changeCounts)
      const cached = servicesOf(shards, people[0]!, changes)
      const roots: MessageKey[] = [people[1]!.write({ type: 'post', text: 'first' }).key]
      await shards.store(people[1]!, people[1]!.messages)
      for (const step of taken) {
        if (step.does === 'read') {
          const options = { root: roots[step.thread % roots.length]!, ...step.options }
          const fresh = servicesOf(shards, people[0]!, changes)
          const expected = await shards.run(read(fresh.services, options))
          expect(await shards.run(read(cached.services, options))).toEqual(expected)
          const before = cached.asked.length
          expect(await shards.run(read(cached.services, options))).toEqual(expected)
          const isKept = typeof expected !== 'string' && (step.options.limit ?? -1) < 0
          if (isKept) expect(cached.asked.length).toBe(before)
          continue
        }
        const person = people[step.who]!
        const root = 'thread' in step ? roots[step.thread % roots.length]! : null
        const message =
          step.does === 'block'
            ? people[0]!.block(person)
            : person.write(
                step.does === 'box'
                  ? (BOX as never)
                  : {
                      type: 'post',
                      text: step.does,
                      ...(root === null ? {} : { root, branch: root }),
                      ...('fork' in step && step.fork ? { fork: root } : {}),
                    },
              )
        if (step.does === 'begin') roots.push(message.key)
        await shards.store(step.does === 'block' ? people[0]! : person, [message])
      }
      await shards.stop()
    }),
    { numRuns: 60 },
  )
}, 60_000)

test('what does not fit makes room, the thread that was read longest ago first', () => {
  const cache = new ThreadCache(new ChangeCounts(new SharedArrayBuffer(changeCountBytes(1))))
  const batches = [RawBatch.ofBodies([Buffer.from('1')])]
  const mib = 1024 * 1024
  for (const name of ['a', 'b', 'c']) cache.keep(name, cache.begin(), batches, mib)
  cache.read('a')
  cache.keep('d', cache.begin(), batches, mib)
  expect(['a', 'b', 'c', 'd'].filter((name) => cache.read(name) !== null)).toEqual(['a', 'c', 'd'])
  cache.keep('e', cache.begin(), batches, 5 * mib)
  expect(cache.read('e')).toBeNull()
  expect(cache.read('d')).toBe(batches)
})

test('keeps nothing that was asked for before a change', () => {
  const changes = new ChangeCounts(new SharedArrayBuffer(changeCountBytes(2)))
  const cache = new ThreadCache(changes)
  const counts = cache.begin()
  changes.add(1)
  cache.keep('a', counts, [], 0)
  expect(cache.read('a')).toBeNull()
})

/** With a cache of their own, and what the shards were asked. */
function servicesOf(shards: SimulatedShards, self: Person, changes: ChangeCounts) {
  const asked: unknown[] = []
  const clients = shards.clients.map((shard) => ({
    tangle: (...args: Parameters<ShardClient['tangle']>) => {
      asked.push(args[0])
      return shard.tangle(...args)
    },
    contacts: (sources: Parameters<ShardClient['contacts']>[0]) => shard.contacts(sources),
  }))
  const services = {
    id: self.id,
    keys: self.keys,
    shards: clients as unknown as Services['shards'],
    keyHints: new KeyHints([]),
    threads: new ThreadCache(changes),
  } as unknown as Services
  return { services, asked }
}

/** The texts that are sent; the code of a refusal. */
async function read(services: Services, options: object): Promise<readonly string[] | string> {
  const { handler } = tangleMethods(services).find(({ name }) => name === 'tangle.read')!
  const { signal } = new AbortController()
  const bodies: string[] = []
  try {
    for await (const batch of handler([options], { signal } as never) as AsyncIterable<unknown>) {
      expect(batch).toBeInstanceOf(RawBatch)
      const frames = (batch as RawBatch).frames(1)
      bodies.push(frames.toString('latin1'))
    }
  } catch (error) {
    return (error as { readonly code: string }).code
  }
  return bodies
}
