import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isEnd, rawConnection, rawFrame, STREAM_FLAGS } from '../fixtures/raw-connection.js'
import { collect, generated, importLines, type Kvt, runningNode } from '../fixtures/running-node.js'

/** Clients that go without a word, or never read what they asked for. */

const { lines, all } = generated(6, 400)

/**
 * How much a node may grow while a deaf client holds 250 streams open: each has read ahead by a
 * chunk or two of every shard before anyone noticed that nothing leaves.
 */
const MAX_GROWTH_BYTES = 300 * 2 ** 20

const request = (number: number, name: string[], args: unknown[]) =>
  rawFrame(STREAM_FLAGS, number, JSON.stringify({ name, args, type: 'source' }))

/** Streams that are open in the shards of a node. */
async function openStreams(router: { call<R>(name: string, message: unknown): Promise<R> }) {
  let open = 0
  for (const shard of [0, 1]) {
    const report = await router.call<{ tree: unknown }>(`kernel/shard-${shard}`, { op: 'inspect' })
    const text = JSON.stringify(report.tree)
    for (const [, count] of text.matchAll(/"openStreams":(\d+)/g)) open += Number(count)
  }
  return open
}

describe('a client that vanishes', () => {
  test('in the middle of its streams leaves none of them open in the shards', async () => {
    const { node, peer } = await runningNode()
    await importLines(peer, lines)
    const before = await openStreams(node.kernel.router)
    const gone = await rawConnection(node.socketPath)
    const streams: [string[], unknown[]][] = [
      [['createLogStream'], [{ live: true }]],
      [['createFeedStream'], [{}]],
      [['messagesByType'], [{ type: 'post', live: true }]],
      [['createUserStream'], [{ id: all[0]!.value.author, live: true }]],
      [['links'], [{ dest: all[0]!.value.author, live: true }]],
      [['tangle', 'read'], [{ root: all[0]!.key, live: true }]],
      [['node', 'verify'], []],
    ]
    for (const [index, [name, args]] of streams.entries()) {
      gone.socket.write(request(index + 1, name, args))
    }
    for (let frames = 0; frames < 20; frames++) await gone.frame()
    const closed = once(gone.socket, 'close')
    gone.socket.destroy()
    await closed
    // A stream that is told to end is gone when the shard next answers; asking is all the waiting there is.
    let open = await openStreams(node.kernel.router)
    for (let asked = 0; open > before && asked < 1000; asked++) {
      open = await openStreams(node.kernel.router)
    }
    expect(open).toBe(before)
    expect(await collect<Kvt>(peer.source('createLogStream'))).toHaveLength(all.length)
  })

  test('in the middle of a frame or behind half a header harms nobody', async () => {
    const { node, peer } = await runningNode()
    for (const bytes of [
      Buffer.from([2, 0]),
      request(1, ['createLogStream'], [{}]).subarray(0, 30),
    ]) {
      const gone = await rawConnection(node.socketPath)
      const closed = once(gone.socket, 'close')
      gone.socket.end(bytes)
      gone.socket.resume()
      await closed
    }
    expect(await peer.call('whoami', [])).toEqual({ id: node.id })
  })

  test('while the node imports for it keeps what was stored, and the next import adds the rest', async () => {
    const { lines: many } = generated(10, 2000, 5)
    const first = await runningNode()
    const file = join(first.path, 'messages.jsonl')
    writeFileSync(file, many.map((line) => `${line}\n`).join(''))
    const gone = await rawConnection(first.node.socketPath)
    gone.socket.write(request(1, ['node', 'import'], [{ file }]))
    await gone.frame()
    gone.socket.destroy()
    const result = await importLines(first.peer, many)
    expect(result.added + result.known).toBe(many.length)
    expect(result.rejected).toEqual([])
    expect(await first.peer.call('status', [])).toMatchObject({ messages: many.length })
  })
})

describe('a client that never reads', () => {
  test('costs a bounded number of bytes, however much it asks for, while others are served', async () => {
    const { lines: many } = generated(6, 4000, 2)
    const { node, peer } = await runningNode()
    await importLines(peer, many)
    const streams = 250
    const sizeBytes = many.reduce((sum, line) => sum + line.length, 0)
    expect(streams * sizeBytes).toBeGreaterThan(2 * MAX_GROWTH_BYTES)
    const rssBefore = process.memoryUsage.rss()
    const deaf = await rawConnection(node.socketPath)
    deaf.socket.pause()
    for (let number = 1; number <= streams; number++) {
      deaf.socket.write(request(number, ['createLogStream'], [{}]))
    }
    for (let round = 0; round < 3; round++) {
      const log = await collect<Kvt>(peer.source('createLogStream', [{ values: false }]))
      expect(log).toHaveLength(many.length)
    }
    const published = (await peer.call('publish', [{ type: 'post', text: 'meanwhile' }])) as Kvt
    expect(await peer.call('get', [published.key])).toEqual(published.value)
    expect(await peer.call('status', [])).toMatchObject({ messages: many.length + 1 })
    expect(process.memoryUsage.rss() - rssBefore).toBeLessThan(MAX_GROWTH_BYTES)
  })

  test('for a long time gets all that it asked for when it begins to read', async () => {
    const { node, peer } = await runningNode()
    await importLines(peer, lines)
    const late = await rawConnection(node.socketPath)
    for (const number of [1, 2, 3]) {
      late.socket.write(request(number, ['createLogStream'], [{}]))
    }
    expect(await collect<Kvt>(peer.source('createLogStream'))).toHaveLength(all.length)
    const counts = new Map<number, number>()
    for (let ended = 0; ended < 3; ) {
      const frame = await late.frame()
      if (isEnd(frame)) ended += 1
      else counts.set(frame.request, (counts.get(frame.request) ?? 0) + 1)
    }
    expect([...counts.values()]).toEqual([all.length, all.length, all.length])
  })

  test('and sends calls without end is not read any further', async () => {
    const { node, peer } = await runningNode()
    await importLines(peer, lines)
    const deaf = await rawConnection(node.socketPath)
    deaf.socket.pause()
    const call = JSON.stringify({ name: ['get'], args: [{ id: all[1]!.key, meta: true }] })
    const chunk = Buffer.concat(
      Array.from({ length: 500 }, (_, index) => rawFrame(2, index + 1, call)),
    )
    for (let written = 0; written < 400; written++) deaf.socket.write(chunk)
    for (let round = 0; round < 20; round++) {
      expect(await peer.call('get', [all[1]!.key])).toEqual(all[1]!.value)
    }
    expect(deaf.socket.writableLength).toBeGreaterThan(2 ** 20)
  })
})
