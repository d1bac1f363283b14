import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'
import { createPublishMark, PublishMark } from '../src/publish-mark.js'
import { Author, collect, Follower, framesOf, TestShard } from './shard-fixture.js'

const MARK = '/data/publish-mark'
const post = (text: string) => ({ type: 'post', text })

const markOf = (shard: TestShard) => new PublishMark(shard.fs, MARK).read()

/** A folder with a mark, all of it durable. */
async function freshDisk(options: ConstructorParameters<typeof MemoryFileSystem>[0] = {}) {
  const fs = new MemoryFileSystem(options)
  fs.makeFolder('/data')
  await createPublishMark(fs, MARK, new Author('own').keys.publicKey)
  await fs.syncFolder('/')
  return fs
}

describe('publishing', () => {
  test('signs, appends and answers with the message as it is stored', async () => {
    const own = new Author('own')
    const shard = await TestShard.open({ own: own.keys })
    const [first] = framesOf(await shard.publish(own.keys, post('one')))
    const [second] = framesOf(await shard.publish(own.keys, post('two')))
    expect(JSON.parse(second!.message)).toMatchObject({
      sequence: 2,
      previous: first!.key,
      author: own.id,
      content: post('two'),
    })
    expect(await shard.run(collect(shard.feed(own).read({})))).toEqual([first, second])
    expect(await shard.run(shard.feed(own).verify())).toEqual({ messages: 2, damaged: [] })
    expect(markOf(shard)).toMatchObject({ sequence: 2 })
    await shard.stop()
  })

  test('is acknowledged and seen only when the message and the mark are on the disk', async () => {
    const own = new Author('own')
    const syncs: (() => void)[] = []
    let isHeld = false
    const fs = await freshDisk({ completeSync: (run) => (isHeld ? syncs.push(run) : run()) })
    const shard = await TestShard.open({ fs, own: own.keys })
    const follower = new Follower(shard.shard.query({ order: 'received', live: true }))
    await shard.simulation.runUntilIdle()
    isHeld = true
    let isAnswered = false
    const published = shard
      .feed(own)
      .publish(JSON.stringify(post('one')))
      .then((frame) => {
        isAnswered = true
        return frame
      })
    for (let rounds = 0; !isAnswered; rounds++) {
      expect(rounds).toBeLessThan(50)
      await shard.simulation.runUntilIdle()
      if (isAnswered) break
      expect(follower.seen).toEqual(['sync'])
      expect(await shard.run(collect(shard.shard.query({ order: 'received' })))).toEqual([])
      expect((await shard.run(shard.shard.status())).messages).toBe(0)
      expect(syncs.length).toBeGreaterThan(0)
      syncs.shift()!()
    }
    const [frame] = framesOf(await published)
    await shard.simulation.runUntilIdle()
    expect(follower.keys).toEqual(['sync', frame!.key])
    for (const image of fs.crashImages(1, { maxImages: 40 })) {
      const again = await TestShard.open({ fs: image, own: own.keys })
      expect(await again.run(collect(again.feed(own).read({}))), image.origin).toEqual([frame])
      await again.stop()
    }
    isHeld = false
    for (const run of syncs) run()
    await shard.stop()
  })

  test('of messages that come together shares their syncs, each on top of the one before it', async () => {
    const own = new Author('own')
    let syncCount = 0
    const countSync = (run: () => void) => {
      syncCount += 1
      run()
    }
    const shard = await TestShard.open({
      fs: await freshDisk({ completeSync: countSync }),
      own: own.keys,
    })
    await shard.publish(own.keys, post('zero'))
    syncCount = 0
    await shard.publish(own.keys, post('one'))
    const alone = syncCount
    syncCount = 0
    const texts = ['two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']
    const publishing = texts.map((text) => shard.feed(own).publish(JSON.stringify(post(text))))
    const frames = (await shard.run(Promise.all(publishing))).flatMap(framesOf)
    expect(syncCount).toBe(alone)
    expect(frames.map(({ sequence }) => sequence)).toEqual([3, 4, 5, 6, 7, 8, 9, 10])
    const values = frames.map(({ message }) => JSON.parse(message))
    expect(values.map(({ content }) => content.text)).toEqual(texts)
    const times = values.map(({ timestamp }) => timestamp as number)
    expect(times.every((time, at) => at === 0 || time > times[at - 1]!)).toBe(true)
    expect(await shard.run(shard.feed(own).verify())).toEqual({ messages: 10, damaged: [] })
    expect(markOf(shard)).toMatchObject({ sequence: 10 })
    await shard.stop()
  })

  test('of one that can not be signed leaves those alone that come with it', async () => {
    const own = new Author('own')
    const shard = await TestShard.open({ own: own.keys })
    const feed = shard.feed(own)
    const texts = ['one', 'x'.repeat(9000), 'two']
    const publishing = texts.map((text) => feed.publish(JSON.stringify(post(text))))
    const [first, long, second] = await shard.run(Promise.allSettled(publishing))
    expect(long).toMatchObject({ reason: { code: 'MESSAGE_TOO_LONG' } })
    for (const [at, result] of [first, second].entries()) {
      if (result?.status !== 'fulfilled') throw new Error('it was not published')
      expect(framesOf(result.value)[0]!.sequence).toBe(at + 1)
    }
    await shard.stop()
  })

  test('together is whole once it is acknowledged, and goes on after a crash at any moment', async () => {
    const own = new Author('own')
    const syncs: (() => void)[] = []
    let isHeld = false
    const fs = await freshDisk({ completeSync: (run) => (isHeld ? syncs.push(run) : run()) })
    const shard = await TestShard.open({ fs, own: own.keys })
    const heldAfterCrash = async () => {
      const held: number[] = []
      isHeld = false
      for (const image of fs.crashImages(1, { maxImages: 12 })) {
        const again = await TestShard.open({ fs: image, own: own.keys })
        const { messages } = await again.run(again.feed(own).verify())
        const [next] = framesOf(await again.publish(own.keys, post('next')))
        expect(next!.sequence, image.origin).toBe(messages + 1)
        held.push(messages)
        await again.stop()
      }
      isHeld = true
      return held
    }
    await shard.publish(own.keys, post('before'))
    isHeld = true
    let isAnswered = false
    const published = Promise.all(
      ['one', 'two', 'three', 'four'].map((text) =>
        shard.feed(own).publish(JSON.stringify(post(text))),
      ),
    ).then(() => {
      isAnswered = true
    })
    for (let rounds = 0; !isAnswered; rounds++) {
      expect(rounds).toBeLessThan(50)
      await shard.simulation.runUntilIdle()
      if (isAnswered) break
      for (const messages of await heldAfterCrash()) expect(messages).toBeGreaterThanOrEqual(1)
      syncs.shift()!()
    }
    await published
    expect(new Set(await heldAfterCrash())).toEqual(new Set([5]))
    isHeld = false
    for (const run of syncs) run()
    await shard.stop()
  })

  test('refuses content that makes no message, and the next one has the same place', async () => {
    const own = new Author('own')
    const shard = await TestShard.open({ own: own.keys })
    const feed = shard.feed(own)
    for (const content of ['', '{', 'null', '5', '[]', '"plain text"', '{"text":"no type"}']) {
      expect(await shard.codeOf(feed.publish(content))).toBe('CONTENT_INVALID')
    }
    const long = JSON.stringify(post('x'.repeat(9000)))
    expect(await shard.codeOf(feed.publish(long))).toBe('MESSAGE_TOO_LONG')
    expect(shard.events).toEqual([])
    const [frame] = framesOf(await shard.publish(own.keys, post('one')))
    expect(frame!.sequence).toBe(1)
    await shard.stop()
  })

  test('refuses on a full disk, loses nothing, and goes on when there is room', async () => {
    const own = new Author('own')
    const shard = await TestShard.open({ own: own.keys })
    const acknowledged = framesOf(await shard.publish(own.keys, post('one')))
    shard.fs.failAt(shard.fs.callCount, 'ENOSPC')
    const content = JSON.stringify(post('two'))
    expect(await shard.codeOf(shard.feed(own).publish(content))).toBe('STORE_FULL')
    expect(await shard.codeOf(shard.feed(own).publish(content))).toBe('STORE_FULL')
    expect(await shard.run(collect(shard.feed(own).read({})))).toEqual(acknowledged)
    shard.fs.heal()
    acknowledged.push(...framesOf(await shard.publish(own.keys, post('three'))))
    expect(acknowledged.map(({ sequence }) => sequence)).toEqual([1, 2])
    expect(await shard.run(collect(shard.feed(own).read({})))).toEqual(acknowledged)
    expect(shard.events).toEqual([])
    await shard.stop()
  })
})
