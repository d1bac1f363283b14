import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { ItemQueue } from '../src/item-queue.js'
import { ReceivedBatch } from '../src/received.js'

const unwatched = { queued: () => {}, taken: () => {}, waiting: () => {} }

function batchOf(bytes: Uint8Array): ReceivedBatch {
  const batch = new ReceivedBatch(Buffer.from(bytes.buffer), 8)
  batch.add(0, 0, bytes.length)
  return batch
}

describe('a queue of items', () => {
  it('gives batches in the order in which they came, whether it was empty between them or not', async () => {
    const queue = new ItemQueue(unwatched)
    const taken: number[] = []
    let next = 0
    for (const [pushes, takes] of [
      [3, 1],
      [1, 2],
      [4, 5],
      [2, 2],
    ] as const) {
      for (let index = 0; index < pushes; index++) queue.push(batchOf(Uint8Array.of(next++)))
      for (let index = 0; index < takes; index++) taken.push((await queue.take())!.body(0)[0]!)
    }
    expect(taken).toEqual([...Array(next).keys()])
  })

  it('keeps nothing of a batch that was taken, also where it is never empty', async () => {
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    const queue = new ItemQueue(unwatched)
    const memory: WeakRef<ArrayBufferLike>[] = []
    const push = () => {
      const bytes = new Uint8Array(1024)
      memory.push(new WeakRef(bytes.buffer))
      queue.push(batchOf(bytes))
    }
    for (let index = 0; index < 3; index++) push()
    for (let index = 0; index < 5; index++) {
      push()
      await queue.take()
    }
    await new Promise((resolve) => setImmediate(resolve))
    collectGarbage()
    expect(memory.map((each) => each.deref() !== undefined)).toEqual([
      ...Array<boolean>(5).fill(false),
      ...Array<boolean>(3).fill(true),
    ])
    for (let index = 0; index < 3; index++) expect(await queue.take()).not.toBeNull()
  })
})
