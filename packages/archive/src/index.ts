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
export { type BlockParts, blockParts } from './block-parts.js'
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
export { BundleError, type BundleErrorCode, blocksOf, openListedBlock } from './bundle-blocks.js'
export { type BlockCodec, maxRawBytes } from './coded-bytes.js'
export { type CompactedBlob, type CompactionOptions, compact } from './compaction.js'
export {
  Dictionary,
  type DictionaryEnds,
  type DictionaryRef,
  isFieldName,
  maxDictionaryEnds,
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
export { type LeafKey, leafKeyOf } from './key-scan.js'
export type { MessageValue } from './message-reader.js'
export * as operators from './operators.js'
export {
  type BlockSource,
  type Match,
  type MatchedMessage,
  type MatchForm,
  type Position,
  type QueryEnd,
  type QueryPart,
  type QueryPlan,
  query,
} from './query.js'
export type { ComparedField } from './query-column.js'
export type { Candidate, Condition, ScannedBlock, Verdict } from './query-condition.js'
