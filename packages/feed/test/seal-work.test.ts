import { describe, expect, test } from 'vitest'
import { blockNames } from './sealed-fixture.js'
import { Author, framesOf, keysOf, TestShard } from './shard-fixture.js'

const POLICY = { keepMessages: 2, minMessages: 1 }

describe('sealing a feed', () => {
  test('tells what it took and takes on the disk, and is told in the status from then on', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open()
    await shard.append(ada, ada.take(40))
    const before = await shard.run(shard.feed(ada).status())
    expect(before).not.toHaveProperty('sealed')
    const relaid = await shard.run(shard.feed(ada).seal(POLICY))
    expect(relaid).toMatchObject({ messages: 38, bytesBefore: before.bytes })
    expect(relaid.bytesAfter).toBeLessThan(before.bytes / 2)
    const after = await shard.run(shard.feed(ada).status())
    expect(after).toMatchObject({ messages: 40, bytes: relaid.bytesAfter, state: 'ok' })
    expect(after.sealed).toMatchObject({ messages: 38 })
    const status = await shard.run(shard.shard.status())
    expect(status).toMatchObject({ bytes: after.bytes, sealed: { feeds: 1, ...after.sealed } })
    expect(await shard.run(shard.shard.feeds())).toEqual([after])
    expect((await shard.sequencesOf(ada)).length).toBe(40)
    expect(await shard.run(shard.feed(ada).verify())).toEqual({ messages: 40, damaged: [] })
    const back = await shard.run(shard.feed(ada).unseal())
    expect(back).toEqual({
      messages: 38,
      bytesBefore: after.bytes,
      bytesAfter: before.bytes,
    })
    expect(await shard.run(shard.feed(ada).status())).toEqual(before)
    await shard.stop()
  })

  test('goes by the settings of the node where nothing else is asked, and leaves a small feed alone', async () => {
    const [ada, ben] = [new Author('ada'), new Author('ben')]
    const sealing = { isAutomatic: false, keepMessages: 10, minMessages: 20 }
    const shard = await TestShard.open({ data: { sealing } })
    await shard.append(ada, ada.take(30))
    await shard.append(ben, ben.take(29))
    expect((await shard.run(shard.feed(ada).seal())).messages).toBe(20)
    expect((await shard.run(shard.feed(ben).seal())).messages).toBe(0)
    expect((await shard.run(shard.feed(new Author('eve')).seal())).messages).toBe(0)
    const bad = shard.feed(ada).seal({ keepMessages: Number.NaN })
    expect(await shard.codeOf(bad)).toBe('REQUEST_INVALID')
    await shard.stop()
  })

  test('holds up neither those who publish nor those who read', async () => {
    const own = keysOf('own')
    const shard = await TestShard.open({ own })
    for (let count = 0; count < 12; count++) await shard.publish(own, { type: 'post', count })
    const feed = shard.feed(own)
    const work = [
      feed.seal(POLICY),
      feed.publish('{"type":"post","text":"beside"}'),
      feed.get(3),
      feed.seal(POLICY).then(
        () => null,
        (error) => error.code,
      ),
    ] as const
    const [sealed, published, read, refused] = await shard.run(Promise.all(work))
    expect(sealed.messages).toBe(10)
    expect(framesOf(published)[0]?.sequence).toBe(13)
    expect(framesOf(read!)[0]?.sequence).toBe(3)
    expect(refused).toBe('STORE_BUSY')
    expect(await shard.sequencesOf(own)).toEqual(Array.from({ length: 13 }, (_, at) => at + 1))
    await shard.publish(own, { type: 'post', text: 'after' })
    await shard.stop()
    const again = await TestShard.open({ fs: shard.fs, own })
    expect((await again.sequencesOf(own)).length).toBe(14)
    expect((await again.run(again.feed(own).status())).publish?.state).toBe('safe')
    await again.publish(own, { type: 'post', text: 'on' })
    await again.stop()
  })

  test('on a full disk is refused, and the feed goes on', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open()
    await shard.append(ada, ada.take(30))
    shard.fs.setCapacity(shard.fs.usedBytes + 1000)
    expect(await shard.codeOf(shard.feed(ada).seal(POLICY))).toBe('STORE_FULL')
    expect((await shard.sequencesOf(ada)).length).toBe(30)
    expect(blockNames(shard.fs, ada.keys.publicKey)).toEqual([])
    shard.fs.setCapacity(1e9)
    expect((await shard.run(shard.feed(ada).seal(POLICY))).messages).toBe(28)
    await shard.stop()
  })

  test('keeps both sides of a fork, and sees forks of sealed messages', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open()
    const messages = ada.take(12)
    await shard.append(ada, messages)
    const fork = (at: number) => {
      const { sequence, key } = messages[at - 2]!
      return ada.sign({ type: 'post', text: `other ${at}` }, { sequence, key })
    }
    await shard.append(ada, [fork(5)])
    const before = await shard.run(shard.feed(ada).forks())
    await shard.run(shard.feed(ada).seal(POLICY))
    await shard.append(ada, [fork(5), fork(7)])
    const forks = await shard.run(shard.feed(ada).forks())
    expect(forks.slice(0, 1)).toEqual(before)
    expect(framesOf(forks[1]!.kept)[0]?.key).toBe(messages[6]!.key)
    expect(await shard.append(ada, messages)).toMatchObject({ known: 12, added: 0 })
    await shard.stop()
  })
})

describe('an idle feed', () => {
  const sealing = { isAutomatic: true, keepMessages: 16, minMessages: 64 }

  test('is sealed by itself once a whole block has come together, where that is wanted', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open({ data: { passivateAfterMs: 1000, sealing } })
    await shard.append(ada, ada.take(1039))
    await shard.simulation.advance(5000)
    expect(blockNames(shard.fs, ada.keys.publicKey)).toEqual([])
    await shard.append(ada, ada.take(1))
    await shard.simulation.advance(5000)
    expect(blockNames(shard.fs, ada.keys.publicKey)).toEqual(['0001.bipf2'])
    expect((await shard.sequencesOf(ada)).length).toBe(1040)
    await shard.stop()
  })

  test('is not tried again at once on a full disk, and ends all the same', async () => {
    const ada = new Author('ada')
    const shard = await TestShard.open({ data: { passivateAfterMs: 1000, sealing } })
    await shard.append(ada, ada.take(1040))
    shard.fs.setCapacity(shard.fs.usedBytes + 10)
    await shard.simulation.advance(20_000)
    const told = shard.log.filter(({ text }) => text === 'an idle feed could not be sealed')
    expect(told).toHaveLength(1)
    expect((await shard.run(shard.shard.status())).activeFeeds).toBe(0)
    await shard.stop()
  })
})
