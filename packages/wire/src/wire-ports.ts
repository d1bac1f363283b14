/** One-shot timers on monotonic time; the actor kernel's `Timers` fit. */
export interface WireTimers {
  /** Runs `run` once, `delayMs` from now. The returned function takes that back. */
  set(delayMs: number, run: () => void): () => void
}

/** Monotonic time; the actor kernel's `Clock` fits. */
export interface WireClock {
  monotonic(): number
}

/** Where log lines go; the actor kernel's `Logger` fits. `data` holds no secret and no message content. */
export interface WireLogger {
  log(
    level: 'debug' | 'info' | 'warn' | 'error',
    room: string,
    text: string,
    data?: Readonly<Record<string, unknown>>,
  ): void
}

/** Timers of the machine; they do not keep the process alive. */
export const systemTimers: WireTimers = {
  set(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** The machine's monotonic clock. */
export const systemClock: WireClock = { monotonic: () => performance.now() }
