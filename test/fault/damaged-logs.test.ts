import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { feedFolder, flipBit, frameOffsets, logPath } from '../fixtures/feed-files.js'
import { LogLines } from '../fixtures/log-lines.js'
import { feedUpTo, follow } from '../fixtures/peers.js'
import { collect, generated, importLines, type Kvt, runningNode } from '../fixtures/running-node.js'
import { type AtEnd, temporaryFolder } from '../fixtures/temporary-folder.js'

/** Files of feeds that changed while the node was away. */

const { lines, all } = generated(6, 240)
const harmed = all[0]!.value.author
const ofHarmed = all.filter(({ value }) => value.author === harmed)
const others = all.filter(({ value }) => value.author !== harmed)

interface Status {
  readonly messages: number
  readonly damaged: readonly string[]
  readonly quarantined: readonly string[]
}

/** A folder with all messages, whose node has stopped. */
let template = ''
beforeAll(async () => {
  const ends: (() => void | Promise<void>)[] = []
  const atEnd: AtEnd = (run) => ends.unshift(run)
  const { peer, node, path } = await runningNode({}, atEnd)
  await importLines(peer, lines, atEnd)
  await peer.close()
  await node.stop()
  template = path
  return async () => {
    for (const end of ends) await end()
  }
})

/** A copy of it; with the indexes of its node, or without. */
function stored(hasIndexes: boolean): string {
  const path = join(temporaryFolder(), 'node')
  cpSync(template, path, { recursive: true })
  if (!hasIndexes) rmSync(join(path, 'derived'), { recursive: true, force: true })
  return path
}

describe.each([
  ['with the indexes of the last run', true],
  ['with indexes folded anew', false],
])('a node %s', (_name, hasIndexes) => {
  async function restarted(path: string) {
    const logger = new LogLines()
    const { peer } = await runningNode({ path, logger })
    return {
      peer,
      logger,
      status: async () => (await peer.call('status', [])) as Status,
      log: () => collect<Kvt>(peer.source('createLogStream')),
      user: (id: string) => collect<Kvt>(peer.source('createUserStream', [{ id }])),
    }
  }

  test('cuts a torn tail back to the last whole message and takes that one again', async () => {
    const path = stored(hasIndexes)
    const size = statSync(logPath(path, harmed)).size
    truncateSync(logPath(path, harmed), size - 7)
    const { peer, user, log, status } = await restarted(path)
    expect(await user(harmed)).toEqual(ofHarmed.slice(0, -1))
    expect(await log()).toHaveLength(all.length - 1)
    expect(await importLines(peer, lines)).toMatchObject({ added: 1, known: all.length - 1 })
    expect(await user(harmed)).toEqual(ofHarmed)
    expect(await status()).toMatchObject({ messages: all.length, damaged: [], quarantined: [] })
    expect(statSync(logPath(path, harmed)).size).toBe(size)
  })

  test('cuts off rubbish behind the last message, a half frame or zeros', async () => {
    const path = stored(hasIndexes)
    const size = statSync(logPath(path, harmed)).size
    const frames = readFileSync(logPath(path, harmed))
    const other = others[0]!.value.author
    appendFileSync(logPath(path, harmed), frames.subarray(0, 60))
    appendFileSync(logPath(path, other), Buffer.alloc(5000))
    const { user, status } = await restarted(path)
    expect(await user(harmed)).toEqual(ofHarmed)
    expect(await user(other)).toEqual(all.filter(({ value }) => value.author === other))
    expect(await status()).toMatchObject({ messages: all.length })
    expect(statSync(logPath(path, harmed)).size).toBe(size)
  })

  test('serves every untouched message and never a wrong one after a bit flipped in the middle', async () => {
    const path = stored(hasIndexes)
    flipBit(path, harmed, 5)
    const { peer, user, log, status } = await restarted(path)
    const damage = peer.source('node.verify')
    let result: { damaged: unknown } | undefined
    for await (const item of damage) {
      const { event, ...rest } = item as { event: string; result: { damaged: unknown } }
      if (event === 'done') result = rest.result
    }
    expect(result!.damaged).toEqual([{ feed: harmed, sequence: 5, reason: expect.any(String) }])
    expect(await peer.call('get', [ofHarmed[4]!.key]).catch(() => 'refused')).toBe('refused')
    const untouched = all.filter(({ key }) => key !== ofHarmed[4]!.key)
    expect(await log()).toEqual(untouched)
    expect(await user(harmed)).toEqual(ofHarmed.filter((_, index) => index !== 4))
    for (const wanted of [ofHarmed[3]!, ofHarmed[5]!, others[0]!]) {
      expect(await peer.call('get', [{ id: wanted.key, meta: true }])).toEqual(wanted)
    }
    expect(await status()).toMatchObject({ damaged: [harmed], quarantined: [] })
    const feeds = await collect<{ id: string; state: string }>(peer.source('feeds.list'))
    for (const { id, state } of feeds)
      expect([id, state]).toEqual([id, id === harmed ? 'damaged' : 'ok'])
    // The message comes again from elsewhere, and the feed is whole.
    expect((await importLines(peer, lines)).rejected).toEqual([])
    expect(await user(harmed)).toEqual(ofHarmed)
    expect(await status()).toMatchObject({ damaged: [] })
  })

  test('serves all other feeds when a log is missing, and takes its messages again', async () => {
    const path = stored(hasIndexes)
    rmSync(logPath(path, harmed))
    const { peer, log, user, status } = await restarted(path)
    expect(await log()).toEqual(others)
    expect(await user(harmed)).toEqual([])
    expect(await peer.call('getLatest', [harmed])).toBeNull()
    expect(await importLines(peer, lines)).toMatchObject({
      added: ofHarmed.length,
      known: others.length,
      rejected: [],
    })
    expect(await user(harmed)).toEqual(ofHarmed)
    expect(await status()).toMatchObject({ messages: all.length, damaged: [], quarantined: [] })
  })

  test('serves all other feeds when the folder of one is missing', async () => {
    const path = stored(hasIndexes)
    rmSync(feedFolder(path, harmed), { recursive: true })
    const { peer, log, status } = await restarted(path)
    expect(await log()).toEqual(others)
    expect(await importLines(peer, lines)).toMatchObject({ added: ofHarmed.length, rejected: [] })
    expect(await status()).toMatchObject({ messages: all.length, damaged: [], quarantined: [] })
  })

  test('leaves what has a foreign name alone, and says so once', async () => {
    const path = stored(hasIndexes)
    const foreign = [
      join(path, 'feeds', 'lost+found'),
      join(path, 'feeds', 'AB'),
      join(path, 'feeds', 'ab', 'x'.repeat(62)),
      join(feedFolder(path, harmed), 'notes'),
    ]
    for (const folder of foreign) mkdirSync(folder, { recursive: true })
    writeFileSync(join(path, 'feeds', 'file'), 'hello')
    const { log, logger, status } = await restarted(path)
    expect(await log()).toEqual(all)
    expect(await status()).toMatchObject({ messages: all.length, damaged: [], quarantined: [] })
    for (const folder of foreign) expect(existsSync(folder)).toBe(true)
    const told = logger.lines.filter(({ text }) => text.includes('no feed'))
    expect(told.length).toBeGreaterThanOrEqual(3)
  })

  test('takes no message of another feed from a log that was moved', async () => {
    const path = stored(hasIndexes)
    const other = others[0]!.value.author
    writeFileSync(logPath(path, other), readFileSync(logPath(path, harmed)))
    const { log, user } = await restarted(path)
    const rest = all.filter(({ value }) => value.author !== other)
    expect(await log()).toEqual(rest)
    expect(await user(other)).toEqual([])
    expect(await user(harmed)).toEqual(ofHarmed)
  })
})

test('frames of a log begin where their reader says', () => {
  const path = stored(true)
  expect(frameOffsets(path, harmed)).toHaveLength(ofHarmed.length + 1)
})

test('a message that the disk loses while the node runs comes again from a friend, without a restart', async () => {
  const [ana, ben] = [await runningNode(), await runningNode()]
  await importLines(ana.peer, lines)
  await follow(ana.peer, harmed)
  await follow(ben.peer, harmed)
  await follow(ben.peer, ana.node.id)
  await ben.peer.call('conn.connect', [ana.node.address])
  const count = ofHarmed.length
  await feedUpTo(ben.peer, harmed, count)
  flipBit(ben.path, harmed, count - 2)
  flipBit(ben.path, harmed, 5)
  const found: unknown[] = []
  for await (const item of ben.peer.source('node.verify')) found.push(item)
  expect(found.at(-1)).toMatchObject({
    result: { damaged: [{ sequence: 5 }, { sequence: count - 2 }] },
  })
  // A live reader gets the unbroken chain alone: it is closed again, with the session that was open.
  await feedUpTo(ben.peer, harmed, count)
  const user = await collect<Kvt>(ben.peer.source('createUserStream', [{ id: harmed }]))
  expect(user.map(({ value }) => value)).toEqual(ofHarmed.map(({ value }) => value))
  expect((await ben.peer.call('status', [])) as Status).toMatchObject({ damaged: [] })
})
