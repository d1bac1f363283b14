import type { Bench } from '../bench.js'
import { syncedWriteMs } from './synced-write.js'
import { validationRate } from './validation.js'

/** A bound that no program on this machine passes; samples in the unit that its name tells. */
export interface LimitKind {
  readonly what: string
  /** One a round. */
  measure(bench: Bench): Promise<readonly number[]>
}

/** By name; measured when the first figure asks for them. */
export const limits = {
  /** Messages/s. */
  validation: {
    what: 'validation alone on all cores',
    measure: (bench) => rounds(bench, async () => validationRate((await bench.dataset()).file)),
  },
  /** ms. */
  syncedWrite: {
    what: 'appending 500 bytes with fdatasync',
    measure: (bench) => rounds(bench, async () => syncedWriteMs(bench.freshPath('synced'))),
  },
} as const satisfies Record<string, LimitKind>

export type LimitName = keyof typeof limits

async function rounds(bench: Bench, measure: () => Promise<number>): Promise<number[]> {
  const samples: number[] = []
  for (let round = 0; round < bench.settings.samples; round++) samples.push(await measure())
  return samples
}
