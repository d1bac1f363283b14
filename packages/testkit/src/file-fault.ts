import { CodedError } from '@dunbar/core'

/**
 * What may go wrong at a numbered call of a `MemoryFileSystem`.
 *
 * - `ENOSPC`: the disk is full from this call on, until `heal()`. A write takes half its bytes and
 *   throws `FS_SHORT_WRITE`, as Linux does; what follows and would grow the disk gets `ENOSPC`.
 * - `EIO`: this one call fails and changes nothing. After a failed sync, what that sync was for can't
 *   become durable by another sync of the same file, though it can still be read.
 * - `kill`: the process ends before the call; it and all later ones throw `Killed`.
 * - `torn`: a write reaches the file by half, then as `kill`.
 */
export type FileFault = 'ENOSPC' | 'EIO' | 'kill' | 'torn'

/** The process is gone: every call of the file system throws this. */
export class Killed extends Error {
  readonly code = 'KILLED'

  constructor(callIndex: number) {
    super(`the process was killed at file system call ${callIndex}`)
    this.name = 'Killed'
  }
}

const TEXTS: Readonly<Record<string, string>> = {
  EBADF: 'bad file descriptor',
  EEXIST: 'file already exists',
  EINVAL: 'invalid argument',
  EIO: 'i/o error',
  EISDIR: 'illegal operation on a directory',
  EMFILE: 'too many open files',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
}

/** What the contract of the file system port has instead of a short count. */
export function shortWrite(
  expectedBytes: number,
  writtenBytes: number,
  position: number,
): CodedError {
  const text = `a write of ${expectedBytes} bytes ended after ${writtenBytes}`
  return new CodedError('FS_SHORT_WRITE', text, { expectedBytes, writtenBytes, position })
}

/** An error as Node's `fs` throws it, with `code`, `syscall` and `path`. */
export function fileError(code: string, syscall: string, path: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(
    `${code}: ${TEXTS[code] ?? 'failed'}, ${syscall} '${path}'`,
  )
  error.code = code
  error.syscall = syscall
  error.path = path
  return error
}
