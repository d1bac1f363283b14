import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { type Dataset, type DatasetSize, makeDataset } from './dataset.js'

interface Given {
  readonly module: string
  readonly folder: string
  readonly size: DatasetSize
}

/** One for each core; each makes one dataset after the other. */
const lanes: Promise<unknown>[] = Array.from({ length: availableParallelism() }, () =>
  Promise.resolve(),
)
let made = 0

/** As `makeDataset`, on a thread: those that are asked for at the same time are made on all cores. */
export function makeDatasetOnThread(folder: string, size: DatasetSize): Promise<Dataset> {
  const lane = made++ % lanes.length
  const making = lanes[lane]!.then(() => makeOnThread({ module: import.meta.url, folder, size }))
  lanes[lane] = making.catch(() => undefined)
  return making
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
