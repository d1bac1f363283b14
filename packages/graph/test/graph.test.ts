import { describe, expect, test } from 'vitest'
import { Person, SimulatedShards } from '../../../test/fixtures/simulated-graph.js'
import type { ReplicationChange } from '../src/index.js'

const [ada, ben, cleo, dora] = ['ada', 'ben', 'cleo', 'dora'].map((name) => new Person(name)) as [
  Person,
  Person,
  Person,
  Person,
]
const copyOf = (name: string) => new Person(name)
const none = { added: [], removed: [], blocks: [] }

describe('the graph', () => {
  test.each([1, 2])(
    'follows the messages of %i shards, and one opened later knows the same',
    async (count) => {
      const shards = await SimulatedShards.open(count)
      const graph = await shards.graph({ id: ada.id, maxHops: 2 })
      const told: ReplicationChange[] = []
      graph.replicationSet.onChange((change) => told.push(change))
      const [a, b, c] = [copyOf('ada'), copyOf('ben'), copyOf('cleo')]
      await shards.store(b, [b.follow(cleo), b.block(dora)])
      expect(told).toEqual([
        { ...none, blocks: [{ source: ben.id, dest: dora.id, isBlocked: true }] },
      ])
      await shards.store(a, [a.follow(ben)])
      expect(told.at(-1)).toEqual({ ...none, added: [ben.id, cleo.id] })
      expect(graph.hopsOf(dora.id)).toBe(-2)
      await shards.store(c, [c.follow(dora)])
      expect(graph.hopsOf(cleo.id)).toBe(2)
      await shards.store(a, [a.block(cleo)])
      expect(told.at(-1)).toEqual({
        added: [],
        removed: [cleo.id],
        blocks: [{ source: ada.id, dest: cleo.id, isBlocked: true }],
      })
      expect([graph.hopsOf(cleo.id), graph.isBlocking(ada.id, cleo.id)]).toEqual([-1, true])
      expect([graph.isFollowing(ada.id, ben.id), graph.isFollowing(ben.id, ada.id)]).toEqual([
        true,
        false,
      ])
      await shards.store(a, [a.say(cleo, { blocking: false }), a.say(ben, { following: false })])
      expect(told.at(-1)).toEqual({
        added: [],
        removed: [ben.id],
        blocks: [{ source: ada.id, dest: cleo.id, isBlocked: false }],
      })
      const later = await shards.graph({ id: ada.id, maxHops: 2 })
      expect(later.hops()).toEqual(graph.hops())
      expect(later.status()).toEqual({
        maxHops: 2,
        edges: 5,
        passedOver: 0,
        replicated: 1,
        leftOut: 0,
      })
      for (const each of [graph, later]) await shards.run(each.close())
      await shards.stop()
    },
  )

  test('computes a burst once a turn', async () => {
    const shards = await SimulatedShards.open()
    const graph = await shards.graph({ id: ada.id })
    let turnCount = 0
    let addedCount = 0
    graph.replicationSet.onChange(({ added }) => {
      turnCount += 1
      addedCount += added.length
    })
    const a = copyOf('ada')
    const others = Array.from({ length: 300 }, (_, number) => copyOf(`other ${number}`))
    await shards.store(
      a,
      others.map((other) => a.follow(other)),
    )
    expect(addedCount).toBe(300)
    // The shard stores some two dozen messages a turn.
    expect(turnCount).toBeLessThanOrEqual(20)
    await shards.run(graph.close())
    await shards.stop()
  })

  test('forgets what a message said that turned out to be damaged, and stays with the shard', async () => {
    const shards = await SimulatedShards.open()
    const [a, b] = [copyOf('ada'), copyOf('ben')]
    await shards.store(a, [a.follow(ben), a.follow(cleo)])
    await shards.store(b, [b.follow(dora)])
    const graph = await shards.graph({ id: ada.id, maxHops: 2 })
    const told: ReplicationChange[] = []
    graph.replicationSet.onChange((change) => told.push(change))
    await shards.simulation.advance(5000)
    const folder = Buffer.from(ada.keys.publicKey).toString('hex')
    const log = `/data/feeds/${folder.slice(0, 2)}/${folder.slice(2)}/log`
    shards.fs.corrupt(log, shards.fs.stat(log)!.sizeBytes - 10)
    await shards.run(shards.feed(ada).rebuild())
    await shards.simulation.advance(5000)
    expect(told).toEqual([{ ...none, removed: [cleo.id] }])
    expect(graph.edge(ada.id, cleo.id)).toBeNull()
    await shards.store(a, [a.messages[1]!, a.follow(dora)])
    expect([...graph.replicationSet.feeds()].sort()).toEqual(
      [ada.id, ben.id, cleo.id, dora.id].sort(),
    )
    expect(graph.hopsOf(dora.id)).toBe(1)
    await shards.run(graph.close())
    await shards.stop()
  })

  test('replicates what is asked for beside it, and what it leads to on its own', async () => {
    const shards = await SimulatedShards.open()
    const graph = await shards.graph({ id: ada.id, maxHops: 1, maxFeeds: 2 })
    const told: ReplicationChange[] = []
    const leave = graph.replicationSet.onChange((change) => told.push(change))
    graph.replicationSet.request(dora.id, true)
    graph.replicationSet.request(cleo.id, true)
    await shards.simulation.runUntilIdle()
    expect(told).toEqual([{ ...none, added: [dora.id, cleo.id] }])
    const a = copyOf('ada')
    await shards.store(a, [a.follow(ben)])
    expect([...graph.replicationSet.leftOut()]).toEqual([
      { id: ben.id, hops: 1, limit: 'maxFeeds' },
    ])
    graph.replicationSet.request(dora.id, false)
    graph.replicationSet.request(cleo.id, false)
    await shards.simulation.runUntilIdle()
    expect(told.at(-1)).toEqual({ ...none, added: [ben.id], removed: [dora.id, cleo.id] })
    leave()
    graph.replicationSet.request(dora.id, true)
    await shards.simulation.runUntilIdle()
    expect(told).toHaveLength(2)
    await shards.run(graph.close())
    await shards.stop()
  })

  test('makes room where a feed has outgrown it', async () => {
    const shards = await SimulatedShards.open()
    const [a, b, c] = [copyOf('ada'), copyOf('ben'), copyOf('cleo')]
    await shards.store(a, [a.follow(ben), a.follow(cleo)])
    await shards.store(c, [c.follow(dora)])
    const graph = await shards.graph({ id: ada.id, maxHops: 2, maxBytes: 4000 })
    expect(graph.replicationSet.size).toBe(4)
    await shards.store(
      b,
      Array.from({ length: 20 }, () => b.write({ type: 'post', text: 'x'.repeat(200) })),
    )
    await shards.simulation.advance(61_000)
    expect([...graph.replicationSet.leftOut()]).toEqual([
      { id: ben.id, hops: 1, limit: 'maxBytes' },
    ])
    expect(graph.status()).toMatchObject({ replicated: 3, leftOut: 1 })
    await shards.run(graph.close())
    await shards.stop()
  })

  test('of hops 0 replicates the own feed alone, and options that make no sense are refused', async () => {
    const shards = await SimulatedShards.open()
    const a = copyOf('ada')
    await shards.store(a, [a.follow(ben)])
    const graph = await shards.graph({ id: ada.id, maxHops: 0 })
    expect([[...graph.replicationSet.feeds()], [...graph.hops()]]).toEqual([
      [ada.id],
      [[ada.id, 0]],
    ])
    for (const bad of [
      { maxHops: -1 },
      { maxHops: 1.5 },
      { maxFeeds: 0 },
      { maxBytes: Number.NaN },
    ]) {
      await expect(shards.graph({ id: ada.id, ...bad })).rejects.toMatchObject({
        code: 'GRAPH_OPTIONS_INVALID',
      })
    }
    await shards.run(graph.close())
    await shards.stop()
  })
})
