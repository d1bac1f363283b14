import { existsSync, readFileSync } from 'node:fs'
import type { Workload } from '../bench.js'
import { severalInTurn } from '../rounds.js'
import type { RunningDunbar } from '../subjects/dunbar.js'
import { ENDED_VARIABLE, KILL_SIGNAL, REPLACED } from '../thread-killer.js'

const KILLER = new URL('../thread-killer.js', import.meta.url)
/** Between two looks, and between two calls for what was refused. */
const LOOK_MS = 1
const MOST_MS = 60_000

/** A thread of a shard ends without a word: until each of its feeds answers again. */
export const killedThread: Workload = {
  name: 'killed-thread',
  title: 'a killed thread, until its feeds answer again',
  isShort: false,
  async run(bench) {
    const dataset = await bench.dataset()
    const path = await bench.loaded(dataset)
    const calls: number[] = []
    const { back, ready } = await severalInTurn(bench, false, async () => {
      const ended = bench.freshPath('thread-ended')
      const running = await bench.dunbar.start(path, {
        environment: {
          NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import ${KILLER}`,
          [ENDED_VARIABLE]: ended,
          DUNBAR_LOG_LEVEL: 'silent',
        },
      })
      try {
        const startedAt = performance.now()
        process.kill(running.process.pid, KILL_SIGNAL)
        await until(() => existsSync(ended))
        const asked = [...dataset.heads].map(([id, key]) => untilAnswered(running, id, key))
        const answers = await Promise.all(asked)
        if (readFileSync(ended, 'utf8') !== REPLACED) {
          throw new Error('the thread that ended was none of a shard: none took its place')
        }
        const times = answers.map((at) => at - startedAt)
        calls.push(...times)
        return { back: Math.max(...times), ready: running.readyMs }
      } finally {
        await running.stop()
      }
    })
    bench.record({
      ...back,
      id: 'killed-thread.back',
      title: 'all feeds answer after a killed thread',
      unit: 'ms',
      better: 'less',
      size: dataset,
      calls,
      limit: { what: 'a start of the whole node', samples: ready.samples },
    })
  },
}

/** When a lookup in this feed was answered. */
async function untilAnswered({ client }: RunningDunbar, id: string, key: string): Promise<number> {
  const deadline = performance.now() + MOST_MS
  for (;;) {
    try {
      const { value } = await client.get(key, { meta: true })
      if (value.author !== id) throw new Error(`${key} is not by ${id}`)
      return performance.now()
    } catch (error) {
      if (performance.now() > deadline) throw error
      await pause()
    }
  }
}

async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + MOST_MS
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error('the thread did not end')
    await pause()
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, LOOK_MS))
