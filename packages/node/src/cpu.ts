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

type CpuCall = { readonly op: 'verify'; readonly batch: ArrayBuffer }

interface CpuState {
  readonly threads: number
  pool: Promise<Piscina> | null
}

const cpuBehaviour: Behaviour<CpuState, { readonly threads: number }, CpuCall, never, Answered> = {
  init: ({ threads }) => ({ threads, pool: null }),

  handleCall(call, from, state) {
    if (call.op !== 'verify') {
      return refuse(from, new CodedError('UNKNOWN_CALL', 'the cpu pool knows only verify', {}))
    }
    state.pool ??= makePool(state.threads)
    return replyLater(
      from,
      state.pool.then((pool) => pool.run(call.batch, { transferList: [call.batch] })),
    )
  },

  handleInfo(info) {
    return info.op === 'answered' ? info.effect : {}
  },

  async terminate(_reason, state) {
    await (await state.pool)?.destroy()
  },
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
