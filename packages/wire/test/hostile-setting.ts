import { afterEach, beforeEach, expect, vi } from 'vitest'
import { connectUnix, type Method, type UnixServer } from '../src/index.js'
import { ManualTime } from './manual-time.js'
import { ScriptedClient } from './scripted-client.js'
import { served } from './served.js'

export const KIB = 1024
export const state = { given: 0, leftCount: 0, inputs: 0 }

export const methods: readonly Method[] = [
  { name: 'ping', type: 'sync', handler: () => 'pong' },
  { name: 'blobs.has', type: 'async', handler: async () => true },
  {
    name: 'log',
    type: 'source',
    async *handler() {
      try {
        for (;;) {
          state.given++
          yield { text: 'x'.repeat(KIB) }
        }
      } finally {
        state.leftCount++
      }
    },
  },
  {
    name: 'live',
    type: 'source',
    async *handler(_args, { signal }) {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      state.leftCount++
    },
  },
  {
    name: 'short',
    type: 'source',
    async *handler() {
      yield 1
    },
  },
  {
    name: 'take',
    type: 'sink',
    async handler(_args, { input }) {
      for await (const _item of input) state.inputs++
    },
  },
]

/** Tests in which nothing may be printed. */
export function watchConsole(): void {
  beforeEach(() => {
    vi.spyOn(console, 'error')
  })

  afterEach(() => {
    // packet-stream prints what it can't place, contents included; none of it may get there.
    expect(console.error).not.toHaveBeenCalled()
    vi.restoreAllMocks()
  })
}

export async function setting(options: Parameters<typeof served>[1] = {}) {
  state.given = 0
  state.leftCount = 0
  state.inputs = 0
  const time = new ManualTime()
  const codes: unknown[] = []
  const server = await served(methods, {
    timers: time,
    clock: time,
    logger: { log: (_level, _room, _text, data) => codes.push(data?.code) },
    ...options,
  })
  return { server, time, codes, client: await ScriptedClient.connect(server.path) }
}

/** The others go on. */
export async function expectServing(server: UnixServer): Promise<void> {
  const peer = await connectUnix({ path: server.path })
  expect(await peer.call('ping')).toBe('pong')
  await peer.close()
}
