import { actor } from '@dunbar/actor'
import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'
import { createPublishMark } from '../src/publish-mark.js'
import { shardActorName } from '../src/shard-host.js'
import { Author, batchOf, collect, Follower, framesOf, TestShard } from './shard-fixture.js'

const post = (text: string) => ({ type: 'post', text })

/** Makes the shard's actor fail as only a fault of its own could. */
const crashShard = (shard: TestShard) =>
  shard.codeOf(shard.kernel.router.call(shardActorName(0), null))

describe('when the actor of a shard crashes', () => {
  test('store and feeds start over, and all that was held is served', async () => {
    const [ada, ben] = [new Author('ada'), new Author('ben')]
    const shard = await TestShard.open()
    await shard.append(ada, ada.take(5))
    await shard.append(ben, ben.take(3))
    const follower = new Follower(shard.feed(ada).read({ live: true }))
    const watcher = new Follower(shard.shard.query({ order: 'received', live: true }))
    await shard.simulation.runUntilIdle()
    expect(await crashShard(shard)).toBe('ACTOR_DOWN')
    await shard.simulation.advance(1000)
    expect(shard.events).toContain(`crashed ${shardActorName(0)}`)
    expect([follower.code, watcher.code]).toEqual(['ACTOR_DOWN', 'ACTOR_DOWN'])
    expect(await shard.sequencesOf(ada)).toEqual([1, 2, 3, 4, 5])
    expect((await shard.append(ben, ben.take(2))).added).toBe(2)
    expect((await shard.run(shard.shard.status())).messages).toBe(10)
    await shard.stop()
  })

  test('calls under way reject, and none waits for ever', async () => {
    const authors = [0, 1, 2].map((number) => new Author(`author ${number}`))
    const shard = await TestShard.open()
    const codes: (string | null)[] = []
    const note = (code: string | null) => void codes.push(code)
    for (const author of authors) {
      const batch = batchOf(author, author.take(400))
      shard
        .feed(author)
        .append(batch)
        .then(
          () => note(null),
          (error: { code: string }) => note(error.code),
        )
    }
    await shard.simulation.advance(0)
    expect(await crashShard(shard)).toBe('ACTOR_DOWN')
    await shard.simulation.advance(10_000)
    expect(codes).toHaveLength(3)
    for (const code of codes) expect([null, 'ACTOR_DOWN', 'STORE_CLOSED']).toContain(code)
    for (const author of authors) {
      const result = await shard.append(author, author.messages)
      expect(result.added + result.known).toBe(400)
      expect(await shard.run(shard.feed(author).verify())).toEqual({ messages: 400, damaged: [] })
    }
    await shard.stop()
  })

  test('a publish that waits for the disk meanwhile leaves one message at each place', async () => {
    const own = new Author('own')
    const held: (() => void)[] = []
    let isHeld = false
    const fs = new MemoryFileSystem({
      completeSync: (run) => (isHeld ? void held.push(run) : queueMicrotask(run)),
    })
    fs.makeFolder('/data')
    await createPublishMark(fs, '/data/publish-mark', own.keys.publicKey)
    const shard = await TestShard.open({ fs, own: own.keys })
    const first = framesOf(await shard.publish(own.keys, post('one')))
    isHeld = true
    const code = shard
      .feed(own)
      .publish(JSON.stringify(post('two')))
      .then(
        () => null,
        (error: { code: string }) => error.code,
      )
    await shard.simulation.runUntilIdle()
    expect(held.length).toBeGreaterThan(0)
    const crashed = shard.kernel.router.call(shardActorName(0), null).catch(() => undefined)
    await shard.simulation.advance(1000)
    isHeld = false
    for (const run of held.splice(0)) run()
    await shard.simulation.advance(120_000)
    await crashed
    expect([null, 'ACTOR_DOWN']).toContain(await code)
    const third = framesOf(await shard.publish(own.keys, post('three')))[0]!
    const frames = await shard.run(collect(shard.feed(own).read({})))
    expect(frames.map(({ sequence }) => sequence)).toEqual(frames.map((_, at) => at + 1))
    expect(frames[0]).toEqual(first[0])
    expect(frames.at(-1)).toEqual(third)
    expect(await shard.run(shard.feed(own).verify())).toMatchObject({ damaged: [] })
    await shard.stop()
    const again = await TestShard.open({ fs, own: own.keys })
    expect(await again.run(collect(again.feed(own).read({})))).toEqual(frames)
    await again.stop()
  })

  test('verdicts of the pool that come too late are dropped', async () => {
    const ada = new Author('ada')
    const messages = ada.take(300)
    // Nobody answers: the call to the pool is under way when the shard crashes.
    const silent = actor({
      name: 'cpu',
      behaviour: { init: () => null, handleCall: () => ({}) },
      arg: null,
    })
    const shard = await TestShard.open({ services: [silent] })
    const code = shard
      .feed(ada)
      .append(batchOf(ada, messages), false, { deadlineMs: 600_000 })
      .then(
        () => null,
        (error: { code: string }) => error.code,
      )
    await shard.simulation.advance(10)
    expect(await crashShard(shard)).toBe('ACTOR_DOWN')
    await shard.simulation.advance(200_000)
    expect(await code).toBe('ACTOR_DOWN')
    expect(await shard.sequencesOf(ada)).toEqual([])
    expect((await shard.append(ada, messages.slice(0, 20))).added).toBe(20)
    await shard.stop()
  })
})

describe('messages of others', () => {
  test('that were synced survive every crash, and of the rest only the newest may be lost', async () => {
    const authors = [0, 1].map((number) => new Author(`author ${number}`))
    const shard = await TestShard.open()
    for (const author of authors) await shard.append(author, author.take(6))
    await shard.run(shard.shard.sync())
    for (const author of authors) {
      await shard.append(author, author.take(2))
      await shard.append(author, author.take(1))
    }
    let imageCount = 0
    for (const image of shard.fs.crashImages(7, { maxImages: 120 })) {
      imageCount += 1
      const again = await TestShard.open({ fs: image })
      for (const author of authors) {
        const { sequence } = await again.run(again.feed(author).status())
        expect(sequence, image.origin).toBeGreaterThanOrEqual(6)
        const chain = await again.sequencesOf(author, { to: sequence })
        expect(chain, image.origin).toEqual(chain.map((_, at) => at + 1))
        const result = await again.append(author, author.messages)
        expect(result.added + result.known, image.origin).toBe(9)
        expect(await again.sequencesOf(author)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
      }
      await again.stop()
    }
    expect(imageCount).toBeGreaterThan(20)
    await shard.stop()
  })

  test('are on the disk a second after they were appended, without being asked for', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open()
    await shard.append(ada, ada.take(6))
    expect(shard.fs.unsyncedCount).toBeGreaterThan(0)
    await shard.simulation.advance(1000)
    expect(shard.fs.unsyncedCount).toBe(0)
    await shard.stop()
  })
})

test('a stop brings everything to the disk', async () => {
  const ada = new Author('ada')
  const shard = await TestShard.open()
  await shard.append(ada, ada.take(20))
  await shard.stop()
  expect(shard.fs.openFileCount).toBe(0)
  for (const image of shard.fs.crashImages(1)) {
    const again = await TestShard.open({ fs: image })
    expect(await again.sequencesOf(ada), image.origin).toHaveLength(20)
    await again.stop()
  }
})
