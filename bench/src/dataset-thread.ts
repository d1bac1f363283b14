import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { type Dataset, type DatasetSize, makeDataset } from './dataset.js'

interface Given {
  readonly module: string
  readonly folder: string
  readonly size: DatasetSize
}

/** One thread for each core at a time. */
let free = availableParallelism()
const waiting: (() => void)[] = []

/** As `makeDataset`, on a thread: those that are asked for at the same time are made on all cores. */
export async function makeDatasetOnThread(folder: string, size: DatasetSize): Promise<Dataset> {
  if (free > 0) free -= 1
  else await new Promise<void>((resolve) => waiting.push(resolve))
  try {
    return await makeOnThread({ module: import.meta.url, folder, size })
  } finally {
    const next = waiting.shift()
    if (next === undefined) free += 1
    else next()
  }
}

async function makeOnThread(given: Given): Promise<Dataset> {
  const worker = new Worker(new URL(given.module), { workerData: given })
  try {
    const [dataset] = (await once(worker, 'message')) as [Dataset]
    return dataset
  } finally {
    await worker.terminate()
  }
}

if (!isMainThread && (workerData as Given | null)?.module === import.meta.url) {
  const { folder, size } = workerData as Given
  parentPort!.postMessage(await makeDataset(folder, size))
}
