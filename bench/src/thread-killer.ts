import { writeFileSync } from 'node:fs'
import { isMainThread, type Worker } from 'node:worker_threads'

/**
 * Loaded into a node before its own program: a signal ends its oldest thread, as a fault in native
 * code would. Those of the shards are the first that a node starts.
 */
export const KILL_SIGNAL = 'SIGUSR2'
/** Names the file that tells what became of it. */
export const ENDED_VARIABLE = 'DUNBAR_BENCH_THREAD_ENDED'
/** In that file once another thread was started in its place. */
export const REPLACED = 'ended, replaced'

const file = process.env[ENDED_VARIABLE]
if (isMainThread && file !== undefined) {
  const workers = new Set<Worker>()
  let hasEnded = false
  process.on('worker', (worker) => {
    workers.add(worker)
    worker.once('exit', () => workers.delete(worker))
    if (hasEnded) writeFileSync(file, REPLACED)
  })
  process.on(KILL_SIGNAL, () => {
    const [oldest] = workers
    // Before the supervisor hears of it.
    oldest?.prependOnceListener('exit', () => {
      hasEnded = true
      writeFileSync(file, 'ended')
    })
    void oldest?.terminate()
  })
}
