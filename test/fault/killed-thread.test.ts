import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type FeedId, feedIdToBytes, generateKeys } from '@dunbar/core'
import { shardOf } from '@dunbar/feed'
import { dialTcp, methodTable } from '@dunbar/wire'
import { expect, onTestFinished, test } from 'vitest'
import { MAIN_NETWORK_KEY } from '../fixtures/attacked-node.js'
import { collect, generated, importFile, importLines, type Kvt } from '../fixtures/running-node.js'
import { nodeWithThreads } from '../fixtures/shard-threads.js'

/** A worker thread that ends in the middle of its work, without last words. */

const { lines, all } = generated(10, 400)

const shardOfId = (id: string) => shardOf(feedIdToBytes(id as FeedId), 2)
const post = (text: string) => [{ type: 'post', text }]

test('a thread that is killed while it publishes loses nothing that was acknowledged', async () => {
  const { node, peer, terminate, restarted } = await nodeWithThreads()
  await importLines(peer, lines)
  const home = shardOfId(node.id)
  const acknowledged: Kvt[] = []
  for (let round = 1; round <= 3; round++) {
    const calls = Array.from({ length: 12 }, (_, number) =>
      (peer.call('publish', post(`${round}/${number}`)) as Promise<Kvt>).then((message) => {
        acknowledged.push(message)
      }),
    )
    const settled = Promise.allSettled(calls)
    await calls[round]
    await terminate(home)
    const refused = (await settled).flatMap((each) =>
      each.status === 'rejected' ? [each.reason] : [],
    )
    for (const error of refused) {
      expect(error).toMatchObject({ code: 'REMOTE_ERROR', data: { code: expect.any(String) } })
    }
    await restarted(home, round)
  }
  const last = (await peer.call('publish', post('afterwards'))) as Kvt
  const own = await collect<Kvt>(peer.source('createUserStream', [{ id: node.id }]))
  expect(own.map(({ value }) => value.sequence)).toEqual(own.map((_, index) => index + 1))
  for (const [index, { value }] of own.entries()) {
    expect(value.previous).toBe(own[index - 1]?.key ?? null)
  }
  expect(own.at(-1)).toEqual(last)
  for (const message of acknowledged) {
    expect(own[message.value.sequence - 1]).toEqual(message)
  }
  expect(acknowledged.length).toBeGreaterThanOrEqual(2 + 3 + 4)
  expect(await peer.call('status', [])).toMatchObject({
    messages: all.length + own.length,
    damaged: [],
    quarantined: [],
  })
})

test('while a thread is down its calls are refused, and the feeds of the others are served', async () => {
  const { peer, node, terminate, restarted } = await nodeWithThreads()
  await importLines(peer, lines)
  const authors = [...new Set(all.map(({ value }) => value.author))]
  const down = authors.find((id) => shardOfId(id) === 0)!
  const up = authors.find((id) => shardOfId(id) === 1)!
  const messagesOf = (id: string) => all.filter(({ value }) => value.author === id)
  const live = collect(peer.source('createUserStream', [{ id: down, live: true }])).catch(
    (error) => error,
  )
  const otherLive = peer.source('createUserStream', [{ id: up, live: true }])
  await otherLive.next()
  const inFlight = Array.from({ length: 50 }, () => peer.call('getLatest', [down]))
  const ended = terminate(0)
  const settled = Promise.allSettled(inFlight)
  expect(await collect(peer.source('createUserStream', [{ id: up }]))).toEqual(messagesOf(up))
  await ended
  expect(await peer.call('getLatest', [up])).toEqual(messagesOf(up).at(-1))
  expect(await live).toMatchObject({ code: 'REMOTE_ERROR' })
  for (const each of await settled) {
    if (each.status === 'fulfilled') expect(each.value).toEqual(messagesOf(down).at(-1))
    else expect(each.reason).toMatchObject({ code: 'REMOTE_ERROR' })
  }
  await restarted(0, 1)
  expect(await peer.call('getLatest', [down])).toEqual(messagesOf(down).at(-1))
  expect(await collect(peer.source('createLogStream'))).toEqual(all)
  await otherLive.return?.()
  expect(await peer.call('whoami', [])).toEqual({ id: node.id })
})

test('a stream of history that waits for news goes on when the thread is back', async () => {
  const { peer, node, terminate, restarted } = await nodeWithThreads()
  const { connection } = await dialTcp({
    host: '127.0.0.1',
    port: Number(/:(\d+)~/.exec(node.address!)![1]),
    remoteKey: feedIdToBytes(node.id),
    keys: generateKeys(),
    networkKey: MAIN_NETWORK_KEY,
    methods: methodTable([]),
  })
  onTestFinished(() => connection.close())
  const own = { id: node.id, live: true, limit: 3, keys: false }
  const stream = connection.source('createHistoryStream', [own])
  const sequence = async () => ((await stream.next()).value as Kvt['value'] | undefined)?.sequence
  await peer.call('publish', post('before'))
  expect(await sequence()).toBe(1)
  await terminate(shardOfId(node.id))
  await restarted(shardOfId(node.id), 1)
  await peer.call('publish', post('after'))
  await peer.call('publish', post('and on'))
  expect([await sequence(), await sequence(), await sequence()]).toEqual([2, 3, undefined])
})

test('a thread that is killed in the middle of an import loses nothing, and a second import adds the rest', async () => {
  const { lines: many, all: wanted } = generated(10, 1500, 3)
  const { peer, path, terminate, restarted } = await nodeWithThreads()
  const file = join(path, 'messages.jsonl')
  writeFileSync(file, many.map((line) => `${line}\n`).join(''))
  const news = peer.source('createLogStream', [{ live: true, old: false }])
  const first = news.next()
  const broken = importFile(peer, file)
  const seen = (await first).value as Kvt
  await terminate(shardOfId(seen.value.author))
  const outcome = await broken.then(
    (result) => result,
    (error) => error,
  )
  // Broken off with an error, or all through with what the thread could not take as rejected.
  if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'REMOTE_ERROR' })
  else expect(outcome.read).toBe(wanted.length)
  await restarted(shardOfId(seen.value.author), 1)
  expect(await peer.call('get', [{ id: seen.key, meta: true }])).toEqual(seen)
  const result = await importFile(peer, file)
  expect(result).toMatchObject({ read: wanted.length, rejected: [] })
  expect(result.added + result.known).toBe(wanted.length)
  const exported = await collect<Kvt>(peer.source('createLogStream'))
  expect(exported.map((message) => JSON.stringify(message)).sort()).toEqual([...many].sort())
})
