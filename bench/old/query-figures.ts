import { type Client, connect } from '@dunbar/client'
import type { Dataset } from './dataset.js'
import { startNode } from './dunbar-process.js'
import type { Figure } from './report.js'
import { median, timeEach } from './statistics.js'

const LOOKUPS = 2_000
const REPEATS = 50
/** An idle node collects its garbage within this. */
const IDLE_MS = 6_000

async function countOf(stream: AsyncIterable<unknown>): Promise<number> {
  let count = 0
  for await (const _ of stream) count += 1
  return count
}

/** Time in ms that a client takes to parse what a stream sends, had it all of it in memory. */
async function parsingTimes(client: Client, method: string, options: object): Promise<number[]> {
  const items: Buffer[] = []
  for await (const item of client.rawSource(method, options)) items.push(Buffer.from(item))
  return timeEach(10, async () => {
    for (const item of items) JSON.parse(item.toString())
  })
}

/** Restart, and queries over the socket from another process: first and warm. */
export async function queryFigures(
  dataset: Dataset,
  path: string,
  samples: number,
): Promise<Figure[]> {
  const { largestThread, largestFeed } = dataset.facts
  if (largestThread === null || largestFeed === null) throw new Error('the data has no thread')
  const restarts: number[] = []
  const firstThreads: number[] = []
  const threads: number[] = []
  const lookups: number[] = []
  const reads: number[] = []
  const resident: number[] = []
  const bareCalls: number[] = []
  const threadParsing: number[] = []
  const feedParsing: number[] = []
  const readThread = async (client: Client) => {
    const count = await countOf(client.tangle.read({ root: largestThread.root }))
    if (count !== largestThread.messages) {
      throw new Error(`the thread has ${count} of ${largestThread.messages} messages`)
    }
  }
  for (let sample = 0; sample < samples; sample++) {
    const node = await startNode(path)
    restarts.push(node.readyMs)
    const client = await connect({ path })
    firstThreads.push(...(await timeEach(1, () => readThread(client))))
    threads.push(...(await timeEach(REPEATS, () => readThread(client))))
    lookups.push(
      ...(await timeEach(LOOKUPS, (index) =>
        client.get(dataset.sampleKeys[index % dataset.sampleKeys.length]!),
      )),
    )
    reads.push(
      ...(await timeEach(10, async () => {
        const count = await countOf(client.createUserStream({ id: largestFeed.id }))
        if (count !== largestFeed.messages) throw new Error(`the feed has ${count} messages`)
      })),
    )
    bareCalls.push(...(await timeEach(LOOKUPS, () => client.whoami())))
    threadParsing.push(...(await parsingTimes(client, 'tangle.read', { root: largestThread.root })))
    feedParsing.push(...(await parsingTimes(client, 'createUserStream', { id: largestFeed.id })))
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS))
    resident.push(node.residentBytes() / 2 ** 20)
    await client.close()
    await node.stop()
  }
  const threadName = `the largest thread (${largestThread.messages} messages by ${largestThread.authors} authors)`
  return [
    { name: 'ready after a restart', unit: 'ms', samples: restarts, goal: { most: 200 } },
    {
      name: `${threadName}, first after a start`,
      unit: 'ms',
      samples: firstThreads,
      goal: { most: 30 },
    },
    {
      name: `${threadName}, warm`,
      unit: 'ms',
      samples: threads,
      limit: { value: median(threadParsing), what: 'parsing it' },
      goal: { most: 3 },
    },
    {
      name: 'lookup of a key',
      unit: 'ms',
      samples: lookups,
      limit: { value: median(bareCalls), what: 'a call that asks no shard' },
      goal: { most: 0.15 },
    },
    {
      name: `all messages of a feed of ${largestFeed.messages}`,
      unit: 'ms',
      samples: reads,
      limit: { value: median(feedParsing), what: 'parsing them' },
      goal: { most: 40 },
    },
    {
      name: 'idle resident memory after these queries',
      unit: 'MiB',
      samples: resident,
      goal: { most: 114.4 },
    },
  ]
}
