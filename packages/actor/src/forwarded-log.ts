import type { Context, Router } from './behaviour.js'
import { type ActorSpec, actor } from './child-spec.js'
import type { Logger, LogLevel } from './ports.js'

/** Log lines of a thread, written by the main thread: one place for levels, format and rate. */

const SINK_NAME = 'log'
/** Lines kept until the thread has joined; more are dropped. */
const MAX_EARLY_LINES = 100

interface LogLine {
  readonly level: LogLevel
  readonly room: string
  readonly text: string
  readonly data?: Readonly<Record<string, unknown>>
}

/** The actor of the main thread that writes the lines of all threads. */
export const logSink = (logger: Logger): ActorSpec =>
  actor({
    name: SINK_NAME,
    arg: null,
    behaviour: {
      init: () => null,
      handleCast: ({ level, room, text, data }: LogLine) => {
        logger.log(level, room, text, data)
        return {}
      },
    },
  })

/** The logger of a thread, and the child of its tree that connects it; put the child first. */
export function forwardedLog(threadName: string): { logger: Logger; child: ActorSpec } {
  let router: Router | null = null
  let early: LogLine[] = []
  const logger: Logger = {
    log(level, room, text, data) {
      const line: LogLine = data === undefined ? { level, room, text } : { level, room, text, data }
      if (router !== null) router.cast(SINK_NAME, line)
      else if (early.length < MAX_EARLY_LINES) early.push(line)
    },
  }
  const child = actor({
    name: `log/${threadName}`,
    arg: null,
    behaviour: {
      init: (_arg: null, context: Context) => {
        router = context.router
        for (const line of early) router.cast(SINK_NAME, line)
        early = []
        return null
      },
    },
  })
  return { logger, child }
}
