import { CodedError } from '@dunbar/core'

export type StoreErrorCode =
  /** The disk or a quota is full; nothing of the write is kept. */
  | 'STORE_FULL'
  /** Any other failure of the disk; nothing of the write is kept. */
  | 'STORE_FAILED'
  /** What was appended may not be on the disk, and a new copy could not be made either. */
  | 'STORE_SYNC_FAILED'
  | 'STORE_NOT_READY'
  | 'STORE_CLOSED'
  | 'STORE_QUARANTINED'
  /** A durable append, a rewrite or a rebuild of the same feed is under way. */
  | 'STORE_BUSY'
  /** The bytes of a row are not the message that was indexed. */
  | 'STORE_ROW_DAMAGED'
  | 'STORE_ROW_GONE'
  | 'STORE_ENTRY_INVALID'
  | 'STORE_FEED_UNKNOWN'
  /** A log may not grow beyond 4 GiB. */
  | 'STORE_LOG_TOO_LARGE'
  /** A block file is missing, or holds something else than it should. */
  | 'STORE_BLOCK_DAMAGED'
  /** What was written to a block file reads back as something else. */
  | 'STORE_BLOCK_MISMATCH'
  /** Bytes end within a frame, or hold a length that no message has. */
  | 'FRAME_TORN'
  | 'FRAME_TOO_LARGE'
  /** The publish mark only goes up. */
  | 'MARK_BACKWARD'

/** What goes wrong in the storage of feeds. `data` holds ids, offsets and the operating system's code. */
export class StoreError extends CodedError<StoreErrorCode> {}

const CRASHES: ReadonlySet<string> = new Set<StoreErrorCode>([
  'STORE_FAILED',
  'STORE_SYNC_FAILED',
  'STORE_ENTRY_INVALID',
  'STORE_FEED_UNKNOWN',
])

/** A failed disk, or an invariant that does not hold: the actor starts over from what is on the disk. */
export const isCrash = ({ code }: CodedError): boolean => CRASHES.has(code)

const fullCodes: ReadonlySet<string> = new Set(['FS_SHORT_WRITE', 'ENOSPC', 'EDQUOT', 'EFBIG'])

/** The operating system's word for a failure, or '' for an error that is not the disk's. */
export function systemCode(error: unknown): string {
  const code: unknown = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : ''
}

/** `STORE_FULL` where the disk has no room, `STORE_FAILED` for everything else that it refuses. */
export function storeFailure(error: unknown, doing: string): StoreError {
  if (error instanceof StoreError) return error
  const code = systemCode(error)
  const data = { doing, systemCode: code }
  return fullCodes.has(code)
    ? new StoreError('STORE_FULL', `no room on the disk: ${doing}`, data, { cause: error })
    : new StoreError('STORE_FAILED', `the disk failed: ${doing}`, data, { cause: error })
}
