import { CodedError } from '@dunbar/core'

export type BlobErrorCode =
  /** Not a blob id in canonical form. */
  | 'BLOB_ID_INVALID'
  /** Beyond what a blob may have. */
  | 'BLOB_TOO_LARGE'
  /** What came is not the blob that was asked for. */
  | 'BLOB_MISMATCH'
  /** The file does not hold what its name says. */
  | 'BLOB_DAMAGED'
  /** The disk or a quota is full; nothing of the blob is kept. */
  | 'BLOB_STORE_FULL'
  /** Any other failure of the disk; nothing of the blob is kept. */
  | 'BLOB_STORE_FAILED'

/** What goes wrong with blobs. `data` holds ids, sizes and the operating system's code. */
export class BlobError extends CodedError<BlobErrorCode> {}

const fullCodes: ReadonlySet<string> = new Set(['FS_SHORT_WRITE', 'ENOSPC', 'EDQUOT', 'EFBIG'])

/** `BLOB_STORE_FULL` where the disk has no room, `BLOB_STORE_FAILED` for everything else that it refuses. */
export function blobFailure(error: unknown, doing: string): BlobError {
  if (error instanceof BlobError) return error
  const code: unknown = (error as { code?: unknown } | null)?.code
  const systemCode = typeof code === 'string' ? code : ''
  const data = { doing, systemCode }
  return fullCodes.has(systemCode)
    ? new BlobError('BLOB_STORE_FULL', `no room on the disk: ${doing}`, data, { cause: error })
    : new BlobError('BLOB_STORE_FAILED', `the disk failed: ${doing}`, data, { cause: error })
}
