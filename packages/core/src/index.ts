export {
  edPublicToCurve,
  edSecretToCurve,
  randomBytes,
  scalarmult,
  scalarmultBase,
  secretbox,
  secretboxInto,
  secretboxOpen,
  secretboxOpenInto,
} from './boxing.js'
export {
  CodedError,
  errorFromPlain,
  errorToPlain,
  isCodedError,
  type PlainError,
} from './errors.js'
export { createSha256, hmac, messageKeyOf, type Sha256, sha256, sha256Latin1 } from './hashing.js'
export {
  type BlobId,
  blobIdFromBytes,
  blobIdToBytes,
  type FeedId,
  feedIdFromBytes,
  feedIdToBytes,
  isBlobId,
  isFeedId,
  isMessageKey,
  MAX_SEQUENCE,
  type MessageKey,
  messageKeyFromBytes,
  messageKeyToBytes,
  type Sequence,
  signatureFromBytes,
  signatureToBytes,
} from './ids.js'
export { generateKeys, type Keys, keysFromSecretKey } from './keys.js'
export { isLowOrderCurveKey, isLowOrderKey } from './low-order.js'
export {
  createSecret,
  formatSecret,
  loadSecret,
  parseSecret,
  SecretError,
  type SecretErrorCode,
} from './secret.js'
export { sign, verify } from './signing.js'
export { type IdFormat, type IdKind, type ParsedId, parseId, toSigil, toUri } from './uris.js'
