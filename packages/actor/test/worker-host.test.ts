import { afterEach, describe, expect, it } from 'vitest'
import {
  createKernel,
  type Kernel,
  type KernelEvent,
  supervisor,
  systemPorts,
  thread,
  workerHost,
} from '../src/index.js'
import { outcome, silent } from './simulated-kernel.js'

/** Real workers; `npm test` compiles the kernel that they import first. */

const running: Kernel[] = []
afterEach(async () => {
  for (const kernel of running.splice(0)) await kernel.stop()
})

async function realThread(heartbeat = { intervalMs: 1_000, maxMissed: 10 }) {
  const events: string[] = []
  let told: ((event: KernelEvent) => void) | null = null
  const kernel = createKernel({
    ports: systemPorts(silent, { unrefTimers: false }),
    place: (name) => (name === 'probe' ? 'worker' : null),
    onEvent: (event) => {
      events.push(`${event.op} ${event.name}`)
      told?.(event)
    },
  })
  running.push(kernel)
  await kernel.start(
    supervisor({
      name: 'root',
      children: [
        thread({
          name: 'worker',
          host: workerHost(),
          entry: new URL('./fixtures/probe-thread.mjs', import.meta.url),
          workerData: { shard: 3 },
          resourceLimits: { maxOldGenerationSizeMb: 64 },
          heartbeat,
        }),
      ],
    }),
  )
  /** Resolves when the thread has been started again. */
  const restarted = () =>
    new Promise<void>((resolve) => {
      told = ({ op }) => {
        if (op === 'restarted') resolve()
      }
    })
  return { kernel, router: kernel.router, events, restarted }
}

describe('a worker', () => {
  it('gets its data and answers', async () => {
    const { router } = await realThread()
    expect(await router.call('probe', { op: 'data' })).toEqual({ shard: 3 })
  })

  it('takes transferred memory and gives it back', async () => {
    const { router } = await realThread()
    const memory = new ArrayBuffer(1_024)
    const back = router.call<ArrayBuffer>('probe', { op: 'memory', memory }, { transfer: [memory] })
    expect((await back).byteLength).toBe(1_024)
    expect(memory.byteLength).toBe(0)
  })

  it('that ends in the middle of a call rejects it and is started again', async () => {
    const { router, events, restarted } = await realThread()
    const again = restarted()
    expect(await outcome(router.call('probe', { op: 'exit' }, { deadlineMs: 60_000 }))).toBe(
      'ACTOR_DOWN',
    )
    await again
    expect(await router.call('probe', { op: 'data' })).toEqual({ shard: 3 })
    expect(events).toEqual(['crashed worker', 'restarted worker'])
  })

  it('that hangs is terminated and started again', async () => {
    const { router, events, restarted } = await realThread({ intervalMs: 50, maxMissed: 20 })
    const again = restarted()
    expect(await outcome(router.call('probe', { op: 'spin' }, { deadlineMs: 60_000 }))).toBe(
      'ACTOR_DOWN',
    )
    await again
    expect(await router.call('probe', { op: 'data' })).toEqual({ shard: 3 })
    expect(events).toEqual(['killed worker', 'restarted worker'])
  })

  it('stops with the tree', async () => {
    const { kernel, events } = await realThread()
    await kernel.stop()
    expect(await kernel.ended).toEqual({ kind: 'shutdown' })
    expect(events).toEqual([])
  })
})
