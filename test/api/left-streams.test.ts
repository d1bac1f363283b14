import { connectUnix, type Peer } from '@dunbar/wire'
import { expect, onTestFinished, test } from 'vitest'
import { generated, importLines, type RunningNode, runningNode } from '../fixtures/running-node.js'

/**
 * Clients that go while a live stream is being opened. The node runs in this process: a rejection
 * that nobody handles fails the run.
 */

const STREAMS = 30
const { lines, all } = generated(6, 200)
const root = all.find(
  ({ value }) => value.content.type === 'post' && value.content.root === undefined,
)!

interface Opened extends RunningNode {
  /** A connection of its own, which the test may end. */
  readonly client: Peer
  readonly rejections: unknown[]
}

async function opened(): Promise<Opened> {
  const rejections: unknown[] = []
  const note = (reason: unknown) => rejections.push(reason)
  process.on('unhandledRejection', note)
  onTestFinished(() => {
    process.off('unhandledRejection', note)
  })
  const running = await runningNode()
  await importLines(running.peer, lines)
  return { ...running, client: await connectUnix({ path: running.node.socketPath }), rejections }
}

/** Reads items until `until` says so, or the stream ends in whatever way. */
async function readUntil(stream: AsyncIterable<unknown>, until: (count: number) => boolean) {
  let count = 0
  try {
    for await (const _item of stream) {
      count += 1
      if (until(count)) return
    }
  } catch {
    // Leaving is what the test does; how the own end is told of it is another test's matter.
  }
}

async function expectAnswers({ peer, rejections }: Opened): Promise<void> {
  expect(await peer.call('get', [root.key])).toEqual(root.value)
  await new Promise((resolve) => setImmediate(resolve))
  expect(rejections).toEqual([])
}

const methods: [string, object][] = [
  ['tangle.read', { root: root.key, live: true }],
  ['createLogStream', { live: true }],
  ['createFeedStream', { live: true }],
]

for (const [method, options] of methods) {
  test(`${method} may be aborted at once, at any turn of the loop`, async () => {
    const node = await opened()
    const reading: Promise<void>[] = []
    for (let turns = 0; turns < STREAMS; turns++) {
      const leaving = new AbortController()
      const stream = node.client.source(method, [options], { signal: leaving.signal })
      reading.push(readUntil(stream, () => false))
      for (let turn = 0; turn < turns; turn++) await new Promise((next) => setImmediate(next))
      leaving.abort()
    }
    await Promise.all(reading)
    await expectAnswers(node)
    await node.client.close()
  })

  test(`${method} may be left after the first item`, async () => {
    const node = await opened()
    const streams = Array.from({ length: STREAMS }, () => node.client.source(method, [options]))
    await Promise.all(streams.map((stream) => readUntil(stream, (count) => count === 1)))
    await expectAnswers(node)
    await node.client.close()
  })

  test(`the connection of ${method} may break at any turn of the loop`, async () => {
    const node = await opened()
    await node.client.close()
    for (let turns = 0; turns < STREAMS; turns++) {
      const client = await connectUnix({ path: node.node.socketPath })
      const reading = readUntil(client.source(method, [options]), () => false)
      for (let turn = 0; turn < turns; turn++) await new Promise((next) => setImmediate(next))
      await client.close()
      await reading
    }
    await expectAnswers(node)
  })
}
