export {
  type ClassicContent,
  type ClassicMessage,
  type ClassicReason,
  type ClassicValue,
  checkContent,
  checkSuccessor,
  maxMessageSizeBytes,
  maxMessageUnits,
  maxNestingDepth,
  readClassic,
  verifySignature,
} from './classic.js'
export {
  type ClassicDraft,
  CreateError,
  type CreateErrorCode,
  classicFormat,
  createClassic,
} from './classic-author.js'
export type {
  FeedFormat,
  FeedHead,
  FeedMessage,
  ReadOptions,
  ReadResult,
  Succession,
} from './feed-format.js'
export { isDeeperThan } from './json-text.js'
export {
  BoxError,
  type BoxErrorCode,
  type BoxOptions,
  boxPrivate,
  unboxContent,
  unboxPrivate,
} from './private-box.js'
export { SignedMemory } from './signed-memory.js'
