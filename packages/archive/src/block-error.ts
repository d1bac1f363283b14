import { CodedError } from '@dunbar/core'

export type BlockErrorCode =
  /** A version, an author's form or a codec that this release does not read. */
  | 'ARCHIVE_BLOCK_UNSUPPORTED'
  /** The dictionary at hand is not the one that a block was written over. */
  | 'ARCHIVE_BLOCK_DICTIONARY'
  /** Ids of messages are not those that a block promises: false text, another feed, a wrong last id. */
  | 'ARCHIVE_BLOCK_CHAIN'
  /** What is to be written are no consecutive messages of the author. */
  | 'ARCHIVE_BLOCK_NOT_CONSECUTIVE'
  /** A message cannot be stored: too long, or its key is not that of its text. */
  | 'ARCHIVE_BLOCK_UNFIT'

/** A block cannot be written, or is not what it promises. */
export class BlockError extends CodedError<BlockErrorCode> {}
