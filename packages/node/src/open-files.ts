import { readFileSync } from 'node:fs'

/** Where the system doesn't tell how many files a process may have open, they are few. */
const LEAST = 256
/**
 * Feeds of an import come by turns: a log that has to be opened again for each turn costs twice. One
 * that is open costs 2 KB of the system's memory, until its feed rests.
 */
const MOST = 65_536

/**
 * Logs that may be open at once where nothing is configured: half of all files that the process may
 * have open, since connections are files too; 256 to 65,536 of them.
 * @param limits the text of `/proc/self/limits`; null where there is none
 */
export function usualOpenFiles(limits: string | null = readLimits()): number {
  const limit = /^Max open files +(\d+)/m.exec(limits ?? '')?.[1]
  return limit === undefined ? LEAST : Math.min(MOST, Math.max(LEAST, Number(limit) >>> 1))
}

function readLimits(): string | null {
  try {
    return readFileSync('/proc/self/limits', 'utf8')
  } catch {
    return null
  }
}
