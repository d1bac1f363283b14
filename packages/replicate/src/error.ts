import { CodedError } from '@dunbar/core'

/**
 * - `EBT_VERSION`, `EBT_FORMAT`: a peer asks for what is not spoken here.
 * - `EBT_RECONNECTED`: a newer session with the same peer takes the place of this one.
 * - `NOT_A_PEER`: the call came over a connection that is none of a peer.
 * - `TOO_MANY_STREAMS`: as many streams of history as one peer may have are open.
 * - `ARCHIVE_BLOB_REFUSED`: a blob is none of an archive of the feed, or the feed is not for the peer.
 * - `TOO_OFTEN`: sessions, clocks or archives were asked for again and again.
 * - `BAD_ARGUMENT`
 */
export type ReplicationErrorCode =
  | 'EBT_VERSION'
  | 'EBT_FORMAT'
  | 'EBT_RECONNECTED'
  | 'NOT_A_PEER'
  | 'TOO_MANY_STREAMS'
  | 'ARCHIVE_BLOB_REFUSED'
  | 'TOO_OFTEN'
  | 'BAD_ARGUMENT'

export class ReplicationError extends CodedError<ReplicationErrorCode> {}
