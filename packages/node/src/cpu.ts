import {
  type ActorSpec,
  type Answered,
  actor,
  type Behaviour,
  refuse,
  replyLater,
  type Timers,
} from '@dunbar/actor'
import { CodedError, errorFromPlain, type PlainError } from '@dunbar/core'
import { CPU_ACTOR_NAME } from '@dunbar/feed'
import type { Piscina } from 'piscina'

/**
 * The cpu pool behind an actor's name: stateless bulk work on all cores. The pool is made at the
 * first use and gives its threads back after a while without work, since each costs memory.
 */

const IDLE_MS = 10_000
/** Tasks that may wait in the pool; feeds keep few batches under way, so this is never met in practice. */
const MAX_QUEUE = 1024

/** What the pool is asked. */
export type CpuCall =
  /** Checks the signatures of a batch; replies a verdict each. */
  | { readonly op: 'verify'; readonly batch: ArrayBuffer }
  /** Packs frames of a feed into the bytes of a block file, and replies them. */
  | { readonly op: 'pack'; readonly author: Uint8Array; readonly frames: ArrayBuffer }
  /**
   * Work on archives; `buffers` are moved. Refused with `ARCHIVE_WORK_TIMEOUT` after `limitMs`, the
   * time in the queue included.
   */
  | {
      readonly op: 'archive'
      readonly task: 'packBundle' | 'readBundle' | 'checkBlock'
      readonly job: unknown
      readonly buffers: readonly ArrayBuffer[]
      readonly limitMs: number
    }

/** What an archive task gives: an error as plain data, since one that is thrown loses its code on the way. */
export type CpuOutcome = { readonly value: unknown } | { readonly error: PlainError }

interface CpuState {
  readonly threads: number
  pool: Promise<Piscina> | null
}

const cpuBehaviour: Behaviour<CpuState, { readonly threads: number }, CpuCall, never, Answered> = {
  init: ({ threads }) => ({ threads, pool: null }),

  handleCall(call, from, state, { timers }) {
    if (!OPERATIONS.has(call.op)) {
      return refuse(from, new CodedError('UNKNOWN_CALL', 'the cpu pool does not know that', {}))
    }
    state.pool ??= makePool(state.threads)
    return replyLater(
      from,
      state.pool.then((pool) => run(pool, call, timers)),
    )
  },

  handleInfo(info) {
    return info.op === 'answered' ? info.effect : {}
  },

  async terminate(_reason, state) {
    await (await state.pool)?.destroy()
  },
}

const OPERATIONS: ReadonlySet<CpuCall['op']> = new Set(['verify', 'pack', 'archive'])

function run(pool: Piscina, call: CpuCall, timers: Timers): Promise<unknown> {
  switch (call.op) {
    case 'verify':
      return pool.run(call.batch, { name: 'verify', transferList: [call.batch] })
    case 'pack':
      return pool.run(call, { name: 'pack', transferList: [call.frames] })
    case 'archive':
      return archiveWork(pool, call, timers)
  }
}

/** A task that takes too long loses its thread, whatever it is doing. */
async function archiveWork(
  pool: Piscina,
  { task, job, buffers, limitMs }: Extract<CpuCall, { readonly op: 'archive' }>,
  timers: Timers,
): Promise<unknown> {
  const late = new AbortController()
  const cancel = timers.set(limitMs, () => late.abort())
  try {
    const options = { name: task, transferList: [...buffers], signal: late.signal }
    const outcome: CpuOutcome = await pool.run(job, options)
    if ('error' in outcome) throw errorFromPlain(outcome.error)
    return outcome.value
  } catch (error) {
    if (!late.signal.aborted) throw error
    throw new CodedError('ARCHIVE_WORK_TIMEOUT', `${task} took more than ${limitMs} ms`, {})
  } finally {
    cancel()
  }
}

async function makePool(threads: number): Promise<Piscina> {
  const { Piscina } = await import('piscina')
  return new Piscina({
    filename: import.meta.resolve('@dunbar/workers/cpu'),
    // A thread that doesn't find its task as it starts reads the file a second time, as another kind of module.
    name: 'verify',
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: IDLE_MS,
    maxQueue: MAX_QUEUE,
  })
}

/** The pool as a child of the node's tree. */
export const cpuPool = (threads: number): ActorSpec =>
  actor({ name: CPU_ACTOR_NAME, behaviour: cpuBehaviour, arg: { threads } })
