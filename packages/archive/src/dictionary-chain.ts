/** A dictionary is the well-known root and a chain of blobs, each of which names the one before it. */
import { type BlobId, blobIdFromBytes, CodedError, sha256 } from '@dunbar/core'
import { Dictionary, type DictionaryEnds, type DictionaryRef } from './dictionary.js'
import { endsEqual, growDictionary, isWithin, readDictionaryParent } from './dictionary-block.js'

/** Blobs of a chain. A longer one is a loop, or wants to be compacted. */
export const maxDictionaryChain = 64

export type DictionaryErrorCode =
  | 'ARCHIVE_DICTIONARY_MISSING'
  | 'ARCHIVE_DICTIONARY_WRONG_BLOB'
  | 'ARCHIVE_DICTIONARY_TOO_LONG'
  | 'ARCHIVE_DICTIONARY_WRONG_ENDS'

/** A chain of dictionaries cannot be resolved. `data.blobId` names the blob. */
export class DictionaryError extends CodedError<DictionaryErrorCode> {}

/** Gives the bytes of a blob by its SHA-256, or undefined where they are not at hand. */
export type FetchBlob = (blobId: Uint8Array) => Uint8Array | undefined

/**
 * The dictionary that a reference names, with exactly the entries that it promises; null names the
 * well-known root. Blobs are checked against their ids. Costs a read of every blob of the chain.
 * @throws {ARCHIVE_DICTIONARY_MISSING} where `fetch` does not have a blob: `data.blobId`
 * @throws {ARCHIVE_DICTIONARY_WRONG_BLOB} where bytes are not those of the id
 * @throws {ARCHIVE_DICTIONARY_TOO_LONG} for chains of more than 64 blobs, and loops
 * @throws {ARCHIVE_DICTIONARY_WRONG_ENDS} where a reference promises other entries than are there
 * @throws {ARCHIVE_BLOB_MALFORMED}
 * @throws {ARCHIVE_BLOB_TOO_LARGE}
 */
export function resolveDictionary(ref: DictionaryRef | null, fetch: FetchBlob): Dictionary {
  const links: { readonly ref: DictionaryRef; readonly bytes: Uint8Array }[] = []
  for (let next = ref; next !== null; ) {
    const blobId = blobIdFromBytes(next.blobId)
    if (links.length === maxDictionaryChain) {
      const text = `a dictionary has a chain of more than ${maxDictionaryChain} blobs`
      throw new DictionaryError('ARCHIVE_DICTIONARY_TOO_LONG', text, { blobId })
    }
    const bytes = fetch(next.blobId)
    if (bytes === undefined) {
      const text = `the dictionary ${blobId} is not here`
      throw new DictionaryError('ARCHIVE_DICTIONARY_MISSING', text, { blobId })
    }
    if (Buffer.compare(sha256(bytes), next.blobId) !== 0) {
      const text = `the bytes for the dictionary ${blobId} are others`
      throw new DictionaryError('ARCHIVE_DICTIONARY_WRONG_BLOB', text, { blobId })
    }
    links.push({ ref: next, bytes })
    const parent = readDictionaryParent(bytes)
    if (parent !== null && !isWithin(parent.ends, next.ends)) throw wrongEnds(blobId)
    next = parent
  }
  const dictionary = Dictionary.root()
  for (const link of links.reverse()) {
    growDictionary(dictionary, link.bytes)
    if (!endsEqual(dictionary.ends, link.ref.ends))
      throw wrongEnds(blobIdFromBytes(link.ref.blobId))
  }
  return dictionary
}

/** Entries of all dictionaries that are remembered: some hundred of usual size, one of the largest. */
const maxRememberedEntries = 131_072

/**
 * `resolveDictionary` that remembers the dictionaries it gave last, for readers of many blocks. Who
 * gets a dictionary must not grow it: `clone` it first.
 */
export function rememberDictionaries(
  fetch: FetchBlob,
  maxEntries = maxRememberedEntries,
): (ref: DictionaryRef | null) => Dictionary {
  const root = Dictionary.root()
  const remembered = new Map<BlobId, Dictionary>()
  let entries = 0
  return (ref) => {
    if (ref === null) return root
    const blobId = blobIdFromBytes(ref.blobId)
    let dictionary = remembered.get(blobId)
    if (dictionary === undefined) {
      dictionary = resolveDictionary(ref, fetch)
      entries += countEntries(dictionary.ends)
    } else {
      if (!endsEqual(dictionary.ends, ref.ends)) throw wrongEnds(blobId)
      remembered.delete(blobId)
    }
    remembered.set(blobId, dictionary)
    for (const [oldest, { ends }] of remembered) {
      if (entries <= maxEntries || oldest === blobId) break
      remembered.delete(oldest)
      entries -= countEntries(ends)
    }
    return dictionary
  }
}

function countEntries(ends: DictionaryEnds): number {
  return ends.types + ends.objectKeys + ends.objectPaths + ends.objectSignatures
}

function wrongEnds(blobId: BlobId): DictionaryError {
  const text = `the dictionary ${blobId} does not hold what a reference to it promises`
  return new DictionaryError('ARCHIVE_DICTIONARY_WRONG_ENDS', text, { blobId })
}
