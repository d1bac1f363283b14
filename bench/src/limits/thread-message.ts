import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { median } from '../statistics.js'

const MESSAGES = 200

/** A small message to a thread that sleeps, and its answer to this one, which sleeps: ms, the median of many. */
export async function threadMessageMs(): Promise<number> {
  const worker = new Worker(new URL(import.meta.url), { workerData: import.meta.url })
  try {
    await once(worker, 'online')
    const times: number[] = []
    for (let count = 0; count < MESSAGES; count++) {
      const startedAt = performance.now()
      const answer = once(worker, 'message')
      worker.postMessage(count)
      await answer
      times.push(performance.now() - startedAt)
    }
    return median(times)
  } finally {
    await worker.terminate()
  }
}

if (!isMainThread && workerData === import.meta.url) {
  parentPort!.on('message', (count) => parentPort!.postMessage(count))
}
