import { CodedError } from '@dunbar/core'

export type ImportErrorCode =
  /** Nothing is at the path. */
  | 'SOURCE_MISSING'
  /** Something is there, but it can't be read: rights, a device, a failing disk. */
  | 'SOURCE_UNREADABLE'
  /** It can be read, but it is in none of the known layouts. */
  | 'SOURCE_UNKNOWN'

/** A source that can't be opened at all. Single unreadable records are rejections, not errors. */
export class ImportError extends CodedError<ImportErrorCode> {}

/** The error for a failed file call. */
export function unreadable(path: string, cause: unknown): ImportError {
  const code = (cause as { code?: unknown } | null)?.code
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new ImportError('SOURCE_MISSING', `there is no file ${path}`, { path }, { cause })
  }
  const why = typeof code === 'string' ? ` (${code})` : ''
  return new ImportError('SOURCE_UNREADABLE', `${path} can't be read${why}`, { path }, { cause })
}
