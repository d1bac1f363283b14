export {
  type ArchiveContent,
  type ArchiveMismatch,
  archiveMismatch,
  makeArchiveContent,
  parseArchiveContent,
} from './archive-message.js'
export * as bipf2 from './bipf2-generated.js'
export { BlobError, type BlobErrorCode, maxBlobSizeBytes } from './blob.js'
export { type BlockSketch, lastSequenceOf } from './block-sketch.js'
export {
  type Bundle,
  decodeBundle,
  encodeBundle,
  type MessageBlockRef,
  maxBundleBlocks,
  rangeOf,
} from './bundle.js'
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
