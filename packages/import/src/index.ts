export { ImportError, type ImportErrorCode } from './error.js'
export { openSource } from './recognise.js'
export {
  type ImportSource,
  MAX_RECORD_BYTES,
  type RecordBatch,
  type SourceFolder,
  type SourceKind,
  type SourceReason,
  type SourceRecord,
  type SourceRejection,
} from './source.js'
