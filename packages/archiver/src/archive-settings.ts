import { maxBlockMessages } from '@dunbar/archive'
import { CodedError, MAX_SEQUENCE } from '@dunbar/core'
import { knownOptions } from './options.js'

/** When the own feed is archived by itself. */
export interface ArchiveSettings {
  /** Seconds between two looks; 0 for never. At most 14 days. */
  readonly intervalSeconds: number
  /** Fewer messages than these are not worth a bundle; at least 1,024, which fill a block for certain. */
  readonly minMessages: number
  /** The newest messages, which are left out. */
  readonly keepMessages: number
}

const MOST: Readonly<Record<keyof ArchiveSettings, number>> = {
  intervalSeconds: 14 * 86_400,
  minMessages: MAX_SEQUENCE,
  keepMessages: MAX_SEQUENCE,
}
const LEAST: Readonly<Record<keyof ArchiveSettings, number>> = {
  intervalSeconds: 0,
  minMessages: maxBlockMessages,
  keepMessages: 0,
}

/** Settings with those that a caller gives in place of the old ones. @throws {BAD_ARGUMENT} */
export function changedSettings(old: ArchiveSettings, given: unknown): ArchiveSettings {
  const names = Object.keys(MOST) as (keyof ArchiveSettings)[]
  const settings = knownOptions('archive.configure', given, names)
  const changed = { ...old }
  for (const name of names) {
    const value = settings[name]
    if (value === undefined || value === null) continue
    if (
      !Number.isInteger(value) ||
      (value as number) < LEAST[name] ||
      (value as number) > MOST[name]
    )
      throw bad(`${name} must be a whole number from ${LEAST[name]} to ${MOST[name]}`)
    changed[name] = value as number
  }
  return changed
}

const bad = (text: string) => new CodedError('BAD_ARGUMENT', `archive.configure: ${text}`, {})
