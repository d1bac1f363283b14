export { type ArchiveServices, archiveMethods } from './archive-methods.js'
export { type ArchiveSettings, changedSettings } from './archive-settings.js'
export { ArchiveWatch, type ArchiveWatchParts } from './archive-watch.js'
export type * from './archive-work.js'
export { checkBlock, readBundle } from './block-checking.js'
export type { MadeArchive } from './bundle-making.js'
export { packBundle } from './bundle-packing.js'
export {
  type ArchiveEvent,
  type ArchiveNowOptions,
  type ArchiveStatus,
  OwnArchiver,
  type OwnArchiverParts,
} from './own-archiver.js'
export { archivesIn, archivesOf, newestArchive, type StoredArchive } from './stored-archives.js'
export {
  type ArchiveVerification,
  type VerificationParts,
  verifyArchive,
} from './verification.js'
