import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { Clock, Logger, Ports, Random, Timers, Turns } from './ports.js'
import { systemFiles } from './system-files.js'

export interface SystemPortsOptions {
  /** Whether a timer that is set lets the process end. Default true: sockets and workers hold a node open, deadlines do not. */
  readonly unrefTimers?: boolean
}

/** The ports of this machine, for one thread. */
export const systemPorts = (logger: Logger, options: SystemPortsOptions = {}): Ports => ({
  clock: systemClock,
  timers: systemTimers(options.unrefTimers ?? true),
  turns: systemTurns,
  random: systemRandom,
  fs: systemFiles,
  logger,
})

const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}

/** What `setTimeout` takes at most; a longer delay would fire at once. */
const MAX_DELAY_MS = 2_147_483_647

const systemTimers = (isUnref: boolean): Timers => ({
  set(delayMs, run) {
    const timeout = setTimeout(run, Math.min(Math.ceil(delayMs), MAX_DELAY_MS))
    if (isUnref) timeout.unref()
    return () => clearTimeout(timeout)
  },
})

/**
 * `nextTick` runs when all promise reactions that are ready have run, so that what they send is in
 * the same batch.
 */
const systemTurns: Turns = {
  soon: (run) => {
    setImmediate(run)
  },
  endOfTurn: (run) => process.nextTick(run),
}

const systemRandom: Random = {
  next: () => Math.random(),
  bytes: (length) => new Uint8Array(randomBytes(length)),
}
