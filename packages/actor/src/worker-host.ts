import { parentPort, Worker } from 'node:worker_threads'
import type { Batch } from './envelope.js'
import type { ThreadHost, ThreadPort, ThreadStart } from './thread-port.js'

/** Threads as Node workers. The worker does not hold the process open once its tree has stopped. */
export const workerHost = (): ThreadHost => ({ start: startWorker })

function startWorker({ entry, name, workerData, resourceLimits }: ThreadStart): ThreadPort {
  const worker = new Worker(entry, {
    name,
    workerData,
    ...(resourceLimits === undefined ? {} : { resourceLimits }),
  })
  let failure: Error | null = null
  let isOver = false
  let ended: (error: Error | null) => void = () => {}
  worker.on('error', (error) => {
    failure = error instanceof Error ? error : new Error(String(error))
  })
  worker.once('exit', (exitCode) => {
    isOver = true
    const text = `the worker ended with exit code ${exitCode}`
    ended(failure ?? (exitCode === 0 ? null : new Error(text)))
  })
  return {
    post: (batch, transfer) => worker.postMessage(batch, transfer),
    onMessage: (receive) => {
      worker.on('message', receive)
    },
    onExit: (run) => {
      ended = run
    },
    terminate: () => {
      if (!isOver) void worker.terminate()
    },
  }
}

/**
 * The inner end of a worker's connection; for thread entries.
 * @throws where the module does not run in a worker
 */
export function parentThreadPort(): ThreadPort {
  const port = parentPort
  if (port === null) throw new Error('a thread entry must be started as a worker')
  return {
    post: (batch, transfer) => port.postMessage(batch, transfer),
    onMessage: (receive) => {
      port.on('message', (batch: Batch) => receive(batch))
    },
    onExit: (ended) => {
      port.once('close', () => ended(null))
    },
    terminate: () => port.close(),
  }
}
