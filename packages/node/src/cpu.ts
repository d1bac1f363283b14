import {
  type ActorSpec,
  type Answered,
  actor,
  type Behaviour,
  refuse,
  replyLater,
} from '@dunbar/actor'
import { CodedError } from '@dunbar/core'
import { CPU_ACTOR_NAME } from '@dunbar/feed'
import type { Piscina } from 'piscina'

/**
 * The cpu pool behind an actor's name: stateless bulk work on all cores. The pool is made at the
 * first use and gives its threads back after a while without work, since each costs memory.
 */

const IDLE_MS = 10_000
/** Tasks that may wait in the pool; feeds keep few batches under way, so this is never met in practice. */
const MAX_QUEUE = 1024

type CpuCall =
  /** Checks the signatures of a batch; replies a verdict each. */
  | { readonly op: 'verify'; readonly batch: ArrayBuffer }
  /** Packs frames of a feed into the bytes of a block file, and replies them. */
  | { readonly op: 'pack'; readonly author: Uint8Array; readonly frames: ArrayBuffer }

interface CpuState {
  readonly threads: number
  pool: Promise<Piscina> | null
}

const cpuBehaviour: Behaviour<CpuState, { readonly threads: number }, CpuCall, never, Answered> = {
  init: ({ threads }) => ({ threads, pool: null }),

  handleCall(call, from, state) {
    if (call.op !== 'verify' && call.op !== 'pack') {
      return refuse(from, new CodedError('UNKNOWN_CALL', 'the cpu pool verifies and packs', {}))
    }
    state.pool ??= makePool(state.threads)
    return replyLater(
      from,
      state.pool.then((pool) => run(pool, call)),
    )
  },

  handleInfo(info) {
    return info.op === 'answered' ? info.effect : {}
  },

  async terminate(_reason, state) {
    await (await state.pool)?.destroy()
  },
}

const run = (pool: Piscina, call: CpuCall): Promise<unknown> =>
  call.op === 'verify'
    ? pool.run(call.batch, { name: 'verify', transferList: [call.batch] })
    : pool.run(call, { name: 'pack', transferList: [call.frames] })

async function makePool(threads: number): Promise<Piscina> {
  const { Piscina } = await import('piscina')
  return new Piscina({
    filename: import.meta.resolve('@dunbar/workers/cpu'),
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: IDLE_MS,
    maxQueue: MAX_QUEUE,
  })
}

/** The pool as a child of the node's tree. */
export const cpuPool = (threads: number): ActorSpec =>
  actor({ name: CPU_ACTOR_NAME, behaviour: cpuBehaviour, arg: { threads } })
