import { Dictionary, type DictionaryRef, growDictionary } from '@dunbar/archive'
import { sha256 } from '@dunbar/core'

/** A dictionary and the blobs that it is made of, root first. */
export interface DictionaryLine {
  readonly dictionary: Dictionary
  readonly refs: readonly DictionaryRef[]
}

/**
 * The dictionary in blobs that go on from each other, root first; the well-known root where there
 * are none.
 * @throws {ARCHIVE_BLOB_MALFORMED} @throws {STREAMVBYTE_MALFORMED}
 */
export function readDictionaryLine(blobs: readonly Uint8Array[]): DictionaryLine {
  const dictionary = Dictionary.root()
  const refs = blobs.map((bytes): DictionaryRef => {
    growDictionary(dictionary, bytes)
    return { blobId: sha256(bytes), ends: dictionary.ends }
  })
  return { dictionary, refs }
}
