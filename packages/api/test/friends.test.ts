import type { Graph } from '@dunbar/graph'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Person, SimulatedShards } from '../../../test/fixtures/simulated-graph.js'
import { friendsMethods } from '../src/friends.js'

/** That the answers are those of ssb-friends is held by test/conformance. */
describe('friends', () => {
  let [ada, ben, cleo] = people()
  let shards: SimulatedShards
  let graph: Graph
  let abort: AbortController

  function people() {
    return ['ada', 'ben', 'cleo'].map((name) => new Person(name)) as [Person, Person, Person]
  }

  beforeEach(async () => {
    ;[ada, ben, cleo] = people()
    abort = new AbortController()
    shards = await SimulatedShards.open()
    graph = await shards.graph({ id: ada.id })
    await shards.store(ada, [ada.follow(ben), ada.block(cleo)])
  })

  afterEach(async () => {
    abort.abort()
    await shards.run(graph.close())
    await shards.stop()
  })

  const call = (method: string, ...args: unknown[]) =>
    friendsMethods(graph)
      .find(({ name }) => name === `friends.${method}`)!
      .handler(args, { signal: abort.signal } as never)

  const open = (method: string, options: object = {}) =>
    (call(method, options) as AsyncIterable<unknown>)[Symbol.asyncIterator]()

  test('takes ids in both forms, and knows nothing of feeds of other formats', () => {
    const uri = `ssb:feed/classic/${ben.id.slice(1, -8).replaceAll('/', '_').replaceAll('+', '-')}`
    expect(call('isFollowing', { source: ada.id, dest: uri })).toBe(true)
    const other = 'ssb:feed/bendybutt-v1/6CAxOI3f-LUOVrbAl0IemqiS7ATpQvr9Mdw9LC4-Uv0='
    expect(call('isFollowing', { source: ada.id, dest: other })).toBe(false)
    expect(call('isBlocking', { source: other, dest: ada.id, details: true })).toEqual({
      response: false,
      private: false,
    })
    expect(call('get', { source: other })).toEqual({})
    expect(call('get', { dest: other })).toEqual({})
    expect(call('get', { source: ada.id, dest: other })).toBeNull()
  })

  test('lists whom a feed blocks', async () => {
    const blocked = async (...args: unknown[]) => {
      const found: unknown[] = []
      for await (const id of call('blocks', ...args) as AsyncIterable<unknown>) found.push(id)
      return found
    }
    expect(await blocked()).toEqual([cleo.id])
    expect(await blocked({ who: ada.id })).toEqual([cleo.id])
    expect(await blocked({ who: ben.id })).toEqual([])
  })

  test.each([
    ['isFollowing', {}],
    ['isFollowing', { source: 7, dest: 8 }],
    ['isBlocking', 'text'],
    ['hops', { start: 'nobody' }],
    ['hops', { max: 'far' }],
    ['get', { source: 1 }],
    ['blocks', { who: '@x' }],
    ['hopStream', { live: 'perhaps' }],
    ['graphStream', { old: 7 }],
  ])('refuses %s with %j', async (method, options) => {
    const asked = async () => {
      const answer = call(method, options)
      if (typeof answer === 'object' && answer !== null && 'next' in answer) {
        await (answer as AsyncIterator<unknown>).next()
      }
    }
    await expect(asked()).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
  })

  test('gives a slow reader the latest of each feed, however much has changed meanwhile', async () => {
    const hops = open('hopStream', { live: true })
    const edges = open('graphStream', { live: true })
    const [firstHops, firstEdges] = [hops.next(), edges.next()]
    for (const following of [false, true, false, true]) {
      await shards.store(ada, [ada.say(cleo, { following })])
    }
    expect(await firstHops).toEqual({ done: false, value: { [cleo.id]: -2 } })
    expect(await firstEdges).toEqual({ done: false, value: { [ada.id]: { [cleo.id]: -2 } } })
    expect(await hops.next()).toEqual({ done: false, value: { [cleo.id]: 1 } })
    expect(await edges.next()).toEqual({ done: false, value: { [ada.id]: { [cleo.id]: 1 } } })
  })

  test('streams begin at the call and end when the reader leaves', async () => {
    const streams = ['hopStream', 'graphStream', 'stream', 'createFriendStream'].map((method) =>
      open(method, { live: true, old: true }),
    )
    for (const stream of streams) expect((await stream.next()).done).toBe(false)
    const waiting = streams.map((stream) => stream.next())
    abort.abort()
    const ends = await Promise.all(waiting)
    // createFriendStream gives its feeds one by one.
    expect(ends.map(({ done }) => done)).toEqual([true, true, true, false])
    expect((await streams[3]!.next()).done).toBe(true)
  })
})
