import type { Logger } from '@dunbar/actor'
import type { Config } from './config.js'
import type { NodeLogger } from './logger.js'

/** A logger that is usable at once and keeps lines until pino is loaded. */
export interface LateLogger {
  readonly logger: Logger
  load(): Promise<void>
  flush(): Promise<void>
}

export function lateLogger(logging: Config['logging']): LateLogger {
  let loaded: NodeLogger | null = null
  const early: Parameters<Logger['log']>[] = []
  return {
    logger: {
      log: (...line) => {
        if (loaded !== null) loaded.log(...line)
        else early.push(line)
      },
    },
    async load() {
      const { createLogger } = await import('./logger.js')
      loaded = await createLogger(logging)
      for (const line of early.splice(0)) loaded.log(...line)
    },
    async flush() {
      await loaded?.flush()
    },
  }
}
