import { messageKeyToBytes } from '@dunbar/core'
import { createClassic } from '@dunbar/formats'
import { type FileFault, MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'
import { createPublishMark, PublishMark } from '../src/publish-mark.js'
import {
  Author,
  badlySigned,
  batchOf,
  collect,
  Follower,
  framesOf,
  type ReadFrame,
  TestShard,
} from './shard-fixture.js'

const MARK = '/data/publish-mark'
const post = (text: string) => ({ type: 'post', text })

const confirm = (shard: TestShard, own: Author, sequence: number) =>
  shard.run(shard.feed(own).confirm(sequence))

const claim = (shard: TestShard, own: Author, sequence: number) =>
  shard.run(shard.feed(own).claim(sequence))

const markOf = (shard: TestShard) => new PublishMark(shard.fs, MARK).read()

/** A folder with a mark, all of it durable. */
async function freshDisk(options: ConstructorParameters<typeof MemoryFileSystem>[0] = {}) {
  const fs = new MemoryFileSystem(options)
  fs.makeFolder('/data')
  await createPublishMark(fs, MARK, new Author('own').keys.publicKey)
  await fs.syncFolder('/')
  return fs
}

describe('the publish lock', () => {
  test('holds where there is no mark, also after messages came from elsewhere', async () => {
    const own = new Author('own')
    const m = own.take(3)
    const shard = await TestShard.open({ own: own.keys, hasMark: false })
    expect(await shard.codeOf(shard.feed(own).publish('{"type":"post"}'))).toBe('PUBLISH_LOCKED')
    expect((await shard.append(own, m.slice(0, 2))).added).toBe(2)
    expect(await shard.codeOf(shard.feed(own).publish('{"type":"post"}'))).toBe('PUBLISH_LOCKED')
    const authored = shard.feed(own).addAuthored(batchOf(own, [m[2]!]))
    expect(await shard.codeOf(authored)).toBe('PUBLISH_LOCKED')
    expect(markOf(shard)).toBeNull()
    await shard.stop()
    const again = await TestShard.open({ fs: shard.fs, own: own.keys })
    expect(await again.codeOf(again.feed(own).publish('{"type":"post"}'))).toBe('PUBLISH_LOCKED')
    await again.stop()
  })

  test('holds while the log lacks messages up to the mark, and until peers confirm those that came back', async () => {
    const own = new Author('own')
    const m = own.take(6)
    const fs = await freshDisk()
    await new PublishMark(fs, MARK).raise(4, messageKeyToBytes(m[3]!.key))
    const shard = await TestShard.open({ fs, own: own.keys })
    const locked = () => shard.codeOf(shard.feed(own).publish('{"type":"post"}'))
    expect(await locked()).toBe('PUBLISH_LOCKED')
    expect((await shard.append(own, m.slice(0, 2))).added).toBe(2)
    expect(await locked()).toBe('PUBLISH_LOCKED')
    expect((await shard.append(own, m.slice(2, 3))).added).toBe(1)
    expect(await locked()).toBe('PUBLISH_LOCKED')
    expect((await shard.append(own, m.slice(3))).added).toBe(3)
    expect(await locked()).toBe('PUBLISH_LOCKED')
    expect(await confirm(shard, own, 6)).toEqual({ state: 'safe', held: 6, mark: 6, claimed: 0 })
    const [frame] = framesOf(await shard.publish(own.keys, post('on')))
    expect(frame!.sequence).toBe(7)
    expect(markOf(shard)).toMatchObject({ sequence: 7 })
    await shard.stop()
  })

  test('holds while there are messages beyond a gap', async () => {
    const own = new Author('own')
    const m = own.take(4)
    const shard = await TestShard.open({ own: own.keys })
    await shard.append(own, m.slice(0, 1))
    await shard.append(own, [m[3]!], true)
    expect(await confirm(shard, own, 1)).toMatchObject({ state: 'recovering', claimed: 4 })
    expect(await shard.codeOf(shard.feed(own).publish('{"type":"post"}'))).toBe('PUBLISH_LOCKED')
    await shard.append(own, m.slice(1, 3))
    await confirm(shard, own, 4)
    expect(framesOf(await shard.publish(own.keys, post('on')))[0]!.sequence).toBe(5)
    await shard.stop()
  })

  test('holds where another message stands in the place of the one that was published', async () => {
    const own = new Author('own')
    const m = own.take(3)
    const published = own.sign(post('published'), m[0]!)
    const fs = await freshDisk()
    await new PublishMark(fs, MARK).raise(2, published.keyBytes)
    const shard = await TestShard.open({ fs, own: own.keys })
    await shard.append(own, m)
    await confirm(shard, own, 3)
    expect(await shard.codeOf(shard.feed(own).publish('{"type":"post"}'))).toBe('PUBLISH_LOCKED')
    expect(markOf(shard)).toMatchObject({ sequence: 2 })
    await shard.stop()
  })

  test('closes when the log turns out to be damaged', async () => {
    const own = new Author('own')
    const shard = await TestShard.open({ own: own.keys, data: { passivateAfterMs: 1000 } })
    const frames: ReadFrame[] = []
    for (let count = 0; count < 3; count++) {
      frames.push(...framesOf(await shard.publish(own.keys, post(`${count}`))))
    }
    await shard.simulation.advance(5000)
    const path = [...shard.fs.snapshot().keys()].find((name) => name.endsWith('/log'))!
    const intact = shard.fs.fork()
    shard.fs.corrupt(path, shard.fs.stat(path)!.sizeBytes - 10)
    await shard.run(shard.feed(own).rebuild())
    expect(await shard.run(shard.feed(own).status())).toMatchObject({ sequence: 2 })
    expect(await shard.codeOf(shard.feed(own).publish('{"type":"post"}'))).toBe('PUBLISH_LOCKED')
    const last = Buffer.from(frames[2]!.message)
    expect((await shard.append(own, [last])).added).toBe(1)
    await confirm(shard, own, 3)
    expect(framesOf(await shard.publish(own.keys, post('on')))[0]!.sequence).toBe(4)
    await shard.stop()
    expect(intact.stat(path)).not.toBeNull()
  })

  test('closes for a newer message of its own that comes without those before it', async () => {
    const own = new Author('own')
    const other = new Author('other')
    const m = own.take(8)
    const shard = await TestShard.open({ own: own.keys })
    await shard.append(own, m.slice(0, 3))
    await confirm(shard, own, 3)
    expect(await shard.append(own, [badlySigned(m[6]!, other.take(1)[0]!)])).toMatchObject({
      added: 0,
      rejected: [{ reason: 'SIGNATURE', count: 1 }],
    })
    expect(framesOf(await shard.publish(own.keys, post('on')))[0]!.sequence).toBe(4)
    await shard.stop()

    const lost = await TestShard.open({ own: own.keys })
    await lost.append(own, m.slice(0, 3))
    await confirm(lost, own, 3)
    expect(await lost.append(own, [m[6]!])).toEqual({ added: 1, known: 0, rejected: [] })
    await expect(lost.run(lost.feed(own).publish('{"type":"post"}'))).rejects.toMatchObject({
      code: 'PUBLISH_LOCKED',
      message: expect.stringContaining('message 7 exists, but only 3 are here'),
    })
    expect(markOf(lost)).toMatchObject({ sequence: 3 })
    await lost.append(own, m.slice(3, 6))
    await confirm(lost, own, 7)
    expect(framesOf(await lost.publish(own.keys, post('on')))[0]!.sequence).toBe(8)
    await lost.stop()
  })

  test('closes for good when two signed messages of its own share a place', async () => {
    const own = new Author('own')
    const m = own.take(3)
    const shard = await TestShard.open({ own: own.keys })
    await shard.append(own, m)
    const clash = own.sign(post('the other one'), m[0]!)
    const refused = await shard.append(own, [clash])
    expect(refused).toMatchObject({ added: 0, rejected: [{ reason: 'FORK', count: 1 }] })
    const expected = {
      code: 'PUBLISH_LOCKED',
      message: expect.stringContaining('this feed is forked'),
      data: expect.objectContaining({ state: 'recovering' }),
    }
    const publish = (of: TestShard) => of.run(of.feed(own).publish('{"type":"post"}'))
    await expect(publish(shard)).rejects.toMatchObject(expected)
    await shard.stop()
    const again = await TestShard.open({ fs: shard.fs, own: own.keys })
    await expect(publish(again)).rejects.toMatchObject(expected)
    expect(await again.sequencesOf(own)).toEqual([1, 2, 3])
    await again.stop()
  })

  test('says that the mark is damaged where no slot of it can be read', async () => {
    const own = new Author('own')
    const fs = await freshDisk()
    fs.corrupt(MARK, 5)
    const shard = await TestShard.open({ fs, own: own.keys })
    await expect(shard.run(shard.feed(own).publish('{"type":"post"}'))).rejects.toMatchObject({
      code: 'PUBLISH_LOCKED',
      message: expect.stringContaining('the publish mark is damaged'),
    })
    await shard.stop()
  })

  test('opens for messages that a client signed, and refuses one in a place that is taken', async () => {
    const own = new Author('own')
    const shard = await TestShard.open({ own: own.keys })
    const first = own.write(post('one'))
    const added = await shard.run(shard.feed(own).addAuthored(batchOf(own, [first])))
    expect(added).toEqual({ added: 1, known: 0, rejected: [] })
    const second = framesOf(await shard.publish(own.keys, post('two')))[0]!
    const clash = createClassic({ keys: own.keys, head: first, timestamp: 1, content: post('2') })
    const refused = await shard.run(shard.feed(own).addAuthored(batchOf(own, [clash])))
    expect(refused).toMatchObject({ added: 0, rejected: [{ reason: 'FORK', count: 1 }] })
    expect(markOf(shard)).toMatchObject({ sequence: 2 })
    const early = createClassic({
      keys: own.keys,
      head: { sequence: 7, key: first.key },
      timestamp: 1,
      content: post('8'),
    })
    expect(await shard.run(shard.feed(own).addAuthored(batchOf(own, [early])))).toMatchObject({
      added: 0,
      rejected: [{ reason: 'GAP', count: 1 }],
    })
    expect(await shard.sequencesOf(own)).toEqual([1, 2])
    expect(second.sequence).toBe(2)
    // A client that was too late locks nobody out.
    expect(framesOf(await shard.publish(own.keys, post('three')))[0]!.sequence).toBe(3)
    await shard.stop()
  })
})

const refusal = (of: TestShard, own: Author) =>
  of.run(
    of
      .feed(own)
      .publish('{"type":"post"}')
      .then(
        () => null,
        (error: { code: string; message: string }) => error,
      ),
  )

describe('what peers say', () => {
  test('opens the lock of a secret that came without a mark, once they agree on what is held', async () => {
    const own = new Author('own')
    const m = own.take(5)
    const shard = await TestShard.open({ own: own.keys, hasMark: false })
    expect(await refusal(shard, own)).toMatchObject({
      message: expect.stringMatching(
        /newer messages elsewhere\. Stay connected until.*dunbar unlock/,
      ),
    })
    expect(await claim(shard, own, 5)).toEqual({
      state: 'recovering',
      held: 0,
      mark: null,
      claimed: 5,
    })
    expect(await refusal(shard, own)).toMatchObject({
      message: expect.stringContaining('a peer knows message 5 of this feed, but only 0 are here'),
    })
    await shard.append(own, m.slice(0, 4))
    expect(await confirm(shard, own, 4)).toMatchObject({ state: 'recovering', held: 4 })
    await shard.append(own, m.slice(4))
    // What one peer calls its newest may be old.
    expect(await claim(shard, own, 5)).toMatchObject({ state: 'recovering', held: 5 })
    expect(await confirm(shard, own, 4)).toMatchObject({ state: 'recovering', held: 5 })
    const safe = { state: 'safe', held: 5, mark: 5, claimed: 5 }
    expect(await confirm(shard, own, 5)).toEqual(safe)
    expect(framesOf(await shard.publish(own.keys, post('on')))[0]!.sequence).toBe(6)
    await shard.stop()
  })

  test('locks nothing that is open where a stranger says it', async () => {
    const own = new Author('own')
    const m = own.take(2)
    const shard = await TestShard.open({ own: own.keys, hasMark: false })
    const hear = (sequence: number) => shard.run(shard.feed(own).claim(sequence, true))
    expect(await hear(2)).toMatchObject({ state: 'recovering', claimed: 2 })
    await shard.append(own, m)
    expect(await hear(2)).toMatchObject({ state: 'recovering' })
    expect(await confirm(shard, own, 2)).toMatchObject({ state: 'safe', mark: 2 })
    expect(await hear(1_000)).toMatchObject({ state: 'safe', claimed: 2 })
    expect(await claim(shard, own, 1_000)).toMatchObject({ state: 'recovering' })
    await shard.stop()
  })

  test('locks a node that was safe when somebody else published with its key, across a restart', async () => {
    const own = new Author('own')
    const shard = await TestShard.open({ own: own.keys })
    await shard.publish(own.keys, post('one'))
    expect(await confirm(shard, own, 1)).toMatchObject({ state: 'safe' })
    expect(await claim(shard, own, 3)).toMatchObject({ state: 'recovering', claimed: 3 })
    expect(await refusal(shard, own)).toMatchObject({
      code: 'PUBLISH_LOCKED',
      message: expect.stringContaining('a peer knows message 3 of this feed, but only 1 are here'),
      data: { state: 'recovering', held: 1, mark: 1, claimed: 3, highest: 1 },
    })
    await shard.stop()
    const again = await TestShard.open({ fs: shard.fs, own: own.keys })
    expect((await again.run(again.shard.status())).publish).toEqual({
      state: 'recovering',
      held: 1,
      mark: 1,
      claimed: 3,
    })
    expect(await confirm(again, own, 1)).toMatchObject({ state: 'recovering' })
    await again.stop()
  })

  test('is needed after messages came from elsewhere, across a restart', async () => {
    const own = new Author('own')
    const m = own.take(3)
    const shard = await TestShard.open({ own: own.keys })
    await shard.append(own, m)
    expect(await refusal(shard, own)).toMatchObject({
      message: expect.stringContaining('messages of this feed came from elsewhere'),
    })
    await shard.stop()
    const again = await TestShard.open({ fs: shard.fs, own: own.keys })
    expect(await refusal(again, own)).toMatchObject({ code: 'PUBLISH_LOCKED' })
    expect(await confirm(again, own, 2)).toMatchObject({ state: 'recovering' })
    expect(await confirm(again, own, 3)).toMatchObject({ state: 'safe', mark: 3 })
    await again.stop()
    const last = await TestShard.open({ fs: again.fs, own: own.keys })
    expect(framesOf(await last.publish(own.keys, post('on')))[0]!.sequence).toBe(4)
    await last.stop()
  })

  test('says nothing where it is no sequence, or of another feed', async () => {
    const own = new Author('own')
    const other = new Author('other')
    const m = own.take(2)
    const shard = await TestShard.open({ own: own.keys, hasMark: false })
    await shard.append(own, m)
    await shard.append(other, other.take(1))
    for (const sequence of [0, -1, 1.5, Number.NaN, 2 ** 31, '2' as never]) {
      expect(await shard.codeOf(shard.feed(own).claim(sequence))).toBe('REQUEST_INVALID')
      expect(await shard.codeOf(shard.feed(own).confirm(sequence))).toBe('REQUEST_INVALID')
    }
    expect(await shard.codeOf(shard.feed(other).claim(1))).toBe('NOT_OWN_FEED')
    expect(await shard.codeOf(shard.feed(other).confirm(1))).toBe('NOT_OWN_FEED')
    expect(await shard.codeOf(shard.feed(other).unlock())).toBe('NOT_OWN_FEED')
    expect(await refusal(shard, own)).toMatchObject({ code: 'PUBLISH_LOCKED' })
    expect(await shard.run(shard.feed(other).status())).not.toHaveProperty('publish')
    const list = await shard.run(shard.shard.feeds())
    expect(list.filter((feed) => feed.publish !== undefined)).toMatchObject([
      { id: own.id, publish: { state: 'recovering', held: 2, mark: null } },
    ])
    await shard.stop()
  })

  test('writes little where a peer claims ever more', async () => {
    const own = new Author('own')
    const shard = await TestShard.open({ own: own.keys })
    for (let sequence = 1; sequence <= 80; sequence++) await claim(shard, own, sequence)
    const { callCount } = shard.fs
    for (let sequence = 81; sequence <= 200; sequence++) await claim(shard, own, sequence)
    expect(shard.fs.callCount).toBe(callCount)
    expect(await refusal(shard, own)).toMatchObject({
      message: expect.stringContaining('a peer knows message 200'),
    })
    await shard.stop()
  })
})

describe('the word of the user', () => {
  test('opens the lock, and what peers claimed before counts no more', async () => {
    const own = new Author('own')
    const m = own.take(2)
    const shard = await TestShard.open({ own: own.keys, hasMark: false })
    await shard.append(own, m)
    await claim(shard, own, 9)
    expect(await shard.run(shard.feed(own).unlock())).toMatchObject({ state: 'safe', mark: 2 })
    expect(await claim(shard, own, 9)).toMatchObject({ state: 'safe' })
    await shard.stop()
    const again = await TestShard.open({ fs: shard.fs, own: own.keys })
    expect(await claim(again, own, 9)).toMatchObject({ state: 'safe' })
    expect(framesOf(await again.publish(own.keys, post('on')))[0]!.sequence).toBe(3)
    expect(await claim(again, own, 10)).toMatchObject({ state: 'recovering', claimed: 10 })
    await again.stop()
  })

  test('sets a mark back that is above what is held, and keeps it beside the new one', async () => {
    const own = new Author('own')
    const fs = await freshDisk()
    await new PublishMark(fs, MARK).raise(4, own.take(4)[3]!.keyBytes)
    const shard = await TestShard.open({ fs, own: own.keys })
    expect(await claim(shard, own, 1)).toMatchObject({ state: 'recovering', mark: 4 })
    expect(await shard.run(shard.feed(own).unlock())).toMatchObject({ state: 'safe', mark: 0 })
    expect(fs.list('/data').filter((name) => name.startsWith('publish-mark.4-'))).toHaveLength(1)
    expect(framesOf(await shard.publish(own.keys, post('one')))[0]!.sequence).toBe(1)
    await shard.stop()
  })

  test('is refused where signing would surely fork the feed, and where it is forked', async () => {
    const own = new Author('own')
    const m = own.take(4)
    const shard = await TestShard.open({ own: own.keys })
    await shard.append(own, [m[0]!, m[3]!])
    await expect(shard.run(shard.feed(own).unlock())).rejects.toMatchObject({
      code: 'UNLOCK_REFUSED',
      message: expect.stringContaining('message 4 exists, but only 1 are here without a gap'),
    })
    await shard.append(own, [m[1]!, own.sign(post('clash'), m[0]!)])
    await expect(shard.run(shard.feed(own).unlock())).rejects.toMatchObject({
      code: 'UNLOCK_REFUSED',
      message: expect.stringContaining('go on with a new identity'),
    })
    await shard.stop()
  })
})

/** What left the process: acknowledged, or seen by a reader. */
interface History {
  readonly left: Map<number, string>
  readonly acknowledged: ReadFrame[]
}

/** Publishes, and notes what is acknowledged and what a live reader sees. */
async function publishing(fs: MemoryFileSystem, own: Author, history: History, rounds: number) {
  let shard: TestShard
  try {
    shard = await TestShard.open({ fs, own: own.keys })
  } catch {
    return
  }
  const follower = new Follower(shard.feed(own).read({ live: true }))
  for (let round = 0; round < rounds; round++) {
    const content = JSON.stringify(post(`${fs.origin} ${round} ${history.acknowledged.length}`))
    await shard.run(
      shard
        .feed(own)
        .publish(content)
        .then(
          (frame) => {
            history.acknowledged.push(...framesOf(frame))
          },
          () => undefined,
        ),
    )
    await shard.simulation.runUntilIdle()
  }
  for (const frame of [...history.acknowledged, ...follower.seen]) {
    if (frame === 'sync') continue
    const known = history.left.get(frame.sequence)
    if (known !== undefined) expect(frame.key, fs.origin).toBe(known)
    history.left.set(frame.sequence, frame.key)
  }
}

describe('whatever happens while it publishes', () => {
  const faults: readonly FileFault[] = ['EIO', 'ENOSPC', 'kill', 'torn']

  test.each(faults)(
    'after %s at any call, no two own messages share a place and none that was acknowledged is lost',
    async (fault) => {
      const own = new Author('own')
      const before = await freshDisk()
      const start = await TestShard.open({ fs: before, own: own.keys })
      const first = framesOf(await start.publish(own.keys, post('zero')))
      await start.stop()
      let restartCount = 0
      for (let at = 0; ; at++) {
        const fs = before.fork()
        const history: History = { left: new Map(), acknowledged: [...first] }
        fs.failAt(at, fault)
        await publishing(fs, own, history, 3)
        const hasHit = fs.faultHitCount > 0
        for (const image of fs.crashImages(`${fault} ${at}`, { maxImages: 12, randomCount: 1 })) {
          restartCount += 1
          const copy: History = {
            left: new Map(history.left),
            acknowledged: [...history.acknowledged],
          }
          const again = await TestShard.open({ fs: image, own: own.keys })
          const held = await again.run(collect(again.feed(own).read({})))
          for (const frame of history.acknowledged) {
            expect(held, `${fault} at ${at}, ${image.origin}`).toContainEqual(frame)
          }
          await again.stop()
          await publishing(image, own, copy, 2)
        }
        if (!hasHit) break
      }
      expect(restartCount).toBeGreaterThan(20)
    },
    60_000,
  )

  test.each(faults)('after %s once and a restart, publishing goes on', async (fault) => {
    const own = new Author('own')
    const before = await freshDisk()
    const start = await TestShard.open({ fs: before, own: own.keys })
    await start.publish(own.keys, post('zero'))
    await start.stop()
    const locked: string[] = []
    for (let at = 0; ; at++) {
      const fs = before.fork()
      const shard = await TestShard.open({ fs, own: own.keys })
      fs.failAt(fs.callCount + at, fault)
      await shard.codeOf(shard.feed(own).publish(JSON.stringify(post('one'))))
      if (fs.faultHitCount === 0) break
      for (const image of fs.crashImages(`${fault} ${at}`, { maxImages: 30, randomCount: 2 })) {
        const again = await TestShard.open({ fs: image, own: own.keys })
        const code = await again.codeOf(again.feed(own).publish(JSON.stringify(post('two'))))
        if (code !== null) locked.push(`${code} after ${fault} at ${at}, ${image.origin}`)
        expect(await again.run(again.feed(own).verify())).toMatchObject({ damaged: [] })
        await again.stop()
      }
    }
    expect(locked).toEqual([])
  })
})

/** What exists of the own feed, wherever it was signed: at most one message for each sequence. */
class Signed {
  readonly keys = new Map<number, string>()

  note(frames: readonly { readonly sequence: number; readonly key: string }[], where: string) {
    for (const { sequence, key } of frames) {
      expect(this.keys.get(sequence) ?? key, `sequence ${sequence}, ${where}`).toBe(key)
      this.keys.set(sequence, key)
    }
  }

  copy(): Signed {
    const copy = new Signed()
    for (const [sequence, key] of this.keys) copy.keys.set(sequence, key)
    return copy
  }
}

describe('whatever happens while it recovers', () => {
  const faults: readonly FileFault[] = ['EIO', 'ENOSPC', 'kill', 'torn']
  const own = new Author('own')
  const m = own.take(5)

  /** A node comes back with one message of five: peers tell of five and send them, the user publishes all the time. */
  async function recover(fs: MemoryFileSystem, signed: Signed) {
    let shard: TestShard
    try {
      shard = await TestShard.open({ fs, own: own.keys })
    } catch {
      return false
    }
    const { origin } = fs
    const publish = async () => {
      const content = JSON.stringify(post(`${origin} ${signed.keys.size}`))
      const frame = await shard.run(
        shard
          .feed(own)
          .publish(content)
          .catch(() => null),
      )
      if (frame !== null) signed.note(framesOf(frame), origin)
    }
    const quietly = (promise: Promise<unknown>) => shard.codeOf(promise)
    await publish()
    await quietly(shard.feed(own).claim(5))
    await publish()
    await quietly(shard.feed(own).append(batchOf(own, m.slice(1, 3))))
    await quietly(shard.feed(own).confirm(3))
    await publish()
    await quietly(shard.feed(own).append(batchOf(own, m.slice(3))))
    await quietly(shard.feed(own).confirm(5))
    await publish()
    await publish()
    const code = await quietly(shard.feed(own).status())
    const isAlive = code === null
    if (isAlive) signed.note(await shard.run(collect(shard.feed(own).read({}))), origin)
    return isAlive
  }

  const starts: readonly (readonly [string, () => Promise<MemoryFileSystem>])[] = [
    [
      'a mark above the log',
      async () => {
        const fs = await freshDisk()
        const shard = await TestShard.open({ fs, own: own.keys })
        await shard.append(own, m.slice(0, 1))
        await shard.stop()
        await new PublishMark(fs, MARK).raise(4, m[3]!.keyBytes)
        return fs
      },
    ],
    [
      'no mark',
      async () => {
        const fs = new MemoryFileSystem()
        fs.makeFolder('/data')
        await fs.syncFolder('/')
        const shard = await TestShard.open({ fs, own: own.keys })
        await shard.append(own, m.slice(0, 1))
        await shard.stop()
        return fs
      },
    ],
  ]

  for (const [name, start] of starts) {
    test.each(faults)(
      `with ${name}, after %s at any call no two own messages share a place`,
      async (fault) => {
        const before = await start()
        let restartCount = 0
        let openCount = 0
        for (let at = 0; ; at++) {
          const fs = before.fork()
          const signed = new Signed()
          // These are with peers, whatever this node knows of them.
          signed.note(m, 'elsewhere')
          fs.failAt(at, fault)
          await recover(fs, signed)
          if (signed.keys.size > m.length) openCount += 1
          const hasHit = fs.faultHitCount > 0
          for (const image of fs.crashImages(`${fault} ${at}`, { maxImages: 8, randomCount: 1 })) {
            restartCount += 1
            await recover(image, signed.copy())
          }
          if (!hasHit) break
        }
        expect(restartCount).toBeGreaterThan(20)
        expect(openCount).toBeGreaterThan(0)
      },
      60_000,
    )
  }

  test('what a peer claimed to know is not signed again after a crash', async () => {
    const fs = await freshDisk()
    const shard = await TestShard.open({ fs, own: own.keys })
    await shard.publish(own.keys, post('one'))
    await claim(shard, own, 2)
    for (const image of fs.crashImages('claimed', { maxImages: 40 })) {
      const again = await TestShard.open({ fs: image, own: own.keys })
      const code = await again.codeOf(again.feed(own).publish('{"type":"post"}'))
      expect(code, image.origin).toBe('PUBLISH_LOCKED')
      await again.stop()
    }
    await shard.stop()
  })
})
