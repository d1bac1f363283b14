export { BlobError, type BlobErrorCode, blobFailure } from './blob-error.js'
export { type AddedBlob, BlobFolder, MAX_BLOB_BYTES } from './blob-folder.js'
export { BlobWriter } from './blob-writer.js'
