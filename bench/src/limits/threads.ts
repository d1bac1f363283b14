import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

interface Given {
  readonly module: string
  readonly share: unknown
}

/**
 * Starts a thread of a module for each share, lets all make ready, and gives the seconds from the
 * word to go until the last has done its share.
 */
export async function secondsOnThreads(
  module: string,
  shares: readonly unknown[],
): Promise<number> {
  const workers = shares.map((share) => {
    const given: Given = { module, share }
    return new Worker(new URL(module), { workerData: given })
  })
  try {
    await Promise.all(workers.map(said))
    const startedAt = performance.now()
    const done = workers.map(said)
    for (const worker of workers) worker.postMessage('go')
    await Promise.all(done)
    return (performance.now() - startedAt) / 1000
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

function said(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}

/** The thread's part, called where the module is loaded: `prepare` gives the work that is timed. */
export function onThread<Share>(module: string, prepare: (share: Share) => () => void): void {
  const given = workerData as Given | null
  if (isMainThread || given?.module !== module) return
  const work = prepare(given.share as Share)
  parentPort!.once('message', () => {
    work()
    parentPort!.postMessage('done')
  })
  parentPort!.postMessage('ready')
}

/** Items in so many shares of the same size. */
export function sharesOf<Item>(items: readonly Item[], count: number): Item[][] {
  const size = Math.ceil(items.length / count)
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size))
}
