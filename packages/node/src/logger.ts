import type { Logger, LogLevel } from '@dunbar/actor'
import { pino } from 'pino'
import type { Config } from './config.js'

const RANK: Readonly<Record<LogLevel | 'silent', number>> = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  silent: 100,
}

/** More lines a second than this are counted instead of written, so that a peer can't fill the disk by errors. */
const MAX_LINES_A_SECOND = 100
/** Longer texts are cut. */
const MAX_TEXT_LENGTH = 4096

/** Names whose values never reach a log line: fields of `data`, and fields of the objects right in it. */
const SECRET_NAMES = ['secretKey', 'private', 'secret', 'seed', 'content', 'text', 'plaintext']

export interface NodeLogger extends Logger {
  /** Resolves when everything is written. */
  flush(): Promise<void>
}

/**
 * Log lines through pino: readable on a terminal, JSON otherwise, always to stderr, since stdout
 * belongs to the commands. Levels can be set by room.
 */
export async function createLogger(logging: Config['logging']): Promise<NodeLogger> {
  const isPretty =
    logging.format === 'pretty' || (logging.format === 'auto' && process.stderr.isTTY === true)
  const destination = isPretty
    ? (await import('pino-pretty')).default({
        destination: 2,
        sync: true,
        ignore: 'pid,hostname',
        messageFormat: '{room}: {msg}',
      })
    : pino.destination({ dest: 2, sync: true })
  const out = pino(
    {
      level: 'trace',
      base: null,
      redact: { paths: SECRET_NAMES.flatMap((name) => [name, `*.${name}`]), censor: '(hidden)' },
    },
    destination,
  )
  const rankOf = new Map(Object.entries(logging.rooms).map(([room, level]) => [room, RANK[level]]))
  const defaultRank = RANK[logging.level]
  let second = 0
  let lines = 0
  let dropped = 0
  return {
    log(level, room, text, data) {
      if (RANK[level] < (rankOf.get(room) ?? defaultRank)) return
      const now = Math.floor(performance.now() / 1000)
      if (now !== second) {
        if (dropped > 0) out.warn({ room: 'node', dropped }, 'log lines were dropped')
        second = now
        lines = 0
        dropped = 0
      }
      lines += 1
      if (lines > MAX_LINES_A_SECOND) {
        dropped += 1
        return
      }
      out[level]({ room, ...data }, text.slice(0, MAX_TEXT_LENGTH))
    },
    flush: () => new Promise((resolve) => out.flush(() => resolve())),
  }
}
