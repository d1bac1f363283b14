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

/** Names of fields whose values never reach a log line, however deep in `data` they are. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  'secretKey',
  'private',
  'secret',
  'seed',
  'content',
  'text',
  'plaintext',
])
/** What lies deeper than this is left out, and with it what refers to itself. */
const MAX_DEPTH = 8

type LogData = Parameters<Logger['log']>[3]

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
  const out = pino({ level: 'trace', base: null }, destination)
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
      out[level]({ room, ...withoutSecrets(data) }, text.slice(0, MAX_TEXT_LENGTH))
    },
    flush: () => new Promise((resolve) => out.flush(() => resolve())),
  }
}

/** A copy of what a line says, with the values of secret fields hidden. */
export function withoutSecrets(data: LogData): LogData {
  return data === undefined ? undefined : (cleaned(data, MAX_DEPTH) as Record<string, unknown>)
}

function cleaned(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  if (depth === 0) return '(deep)'
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    return cleaned(value.toJSON(), depth - 1)
  }
  if (Array.isArray(value)) return value.map((item) => cleaned(item, depth - 1))
  const fields = Object.entries(value instanceof Map ? Object.fromEntries(value) : value)
  return Object.fromEntries(
    fields.map(([name, field]) => [
      name,
      SECRET_NAMES.has(name) ? '(hidden)' : cleaned(field, depth - 1),
    ]),
  )
}
