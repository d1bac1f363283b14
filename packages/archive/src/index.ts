export * as bipf2 from './bipf2-generated.js'
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
