export {
  type ArchiveContent,
  type ArchiveMismatch,
  archiveMismatch,
  makeArchiveContent,
  parseArchiveContent,
} from './archive-message.js'
export * as bipf2 from './bipf2-generated.js'
export { BlobError, type BlobErrorCode, maxBlobSizeBytes } from './blob.js'
export { Block, openBlock } from './block.js'
export { BlockError, type BlockErrorCode } from './block-error.js'
export { type FindDictionary, maxInflation } from './block-frame.js'
export { type BlockSketch, lastSequenceOf } from './block-sketch.js'
export { encodeBlock, type PackOptions, packBlock } from './block-writer.js'
export {
  type Bundle,
  decodeBundle,
  encodeBundle,
  type MessageBlockRef,
  maxBundleBlocks,
  rangeOf,
} from './bundle.js'
export { type BlockCodec, maxRawBytes } from './coded-bytes.js'
export {
  Dictionary,
  type DictionaryEnds,
  type DictionaryRef,
  isFieldName,
  maxDictionaryEntries,
  maxDictionarySteps,
  maxKeyUnits,
  maxPathKeys,
  maxSignaturePaths,
  maxTypeUnits,
  noEntry,
  PathNode,
  rawSignature,
  rootEnds,
  SignatureNode,
} from './dictionary.js'
export {
  decodeDictionaryBlock,
  encodeDictionaryBlock,
  endsEqual,
  growDictionary,
  isWithin,
  readDictionaryParent,
} from './dictionary-block.js'
export {
  DictionaryError,
  type DictionaryErrorCode,
  type FetchBlob,
  maxDictionaryChain,
  rememberDictionaries,
  resolveDictionary,
} from './dictionary-chain.js'
export {
  type BlockMessage,
  blockEnd,
  FlatBlock,
  flattenBlock,
  maxBlockMessages,
  maxBlockTextBytes,
  maxFlatDepth,
} from './flattening.js'
export type { MessageValue } from './message-reader.js'
