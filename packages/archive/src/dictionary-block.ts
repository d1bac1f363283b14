/**
 * A dictionary block is the blob that holds the entries of a dictionary from some ends on. Ids run
 * on through a chain of such blocks: the first entry of each kind has the id at which the parent, or
 * the well-known root, ends.
 */
import { sha256 } from '@dunbar/core'
import * as flatbuffers from 'flatbuffers'
import {
  Bip2BlobData,
  DictionaryBlock,
  DictionaryBlockRef,
  IntArrayDictionary,
  StringDictionary,
} from './bipf2-generated.js'
import { finishBlob, hashOf, malformedBlob, read1234, readBlob, write1234 } from './blob.js'
import {
  type Dictionary,
  type DictionaryEnds,
  type DictionaryRef,
  maxDictionaryEnds,
  maxDictionarySteps,
  maxKeyUnits,
  maxPathKeys,
  maxTypeUnits,
  rootEnds,
} from './dictionary.js'

/**
 * The blob with all entries of a dictionary from `from` on, and the reference that names it. `from`
 * are the ends of the parent, or `rootEnds` where there is none.
 * @throws {RangeError} where `from` are other ends, or lie past the end of the dictionary
 * @throws {ARCHIVE_BLOB_TOO_LARGE}
 */
export function encodeDictionaryBlock(
  dictionary: Dictionary,
  from: DictionaryEnds,
  parent: DictionaryRef | null,
): { readonly bytes: Uint8Array; readonly ref: DictionaryRef } {
  const { ends } = dictionary
  if (!endsEqual(from, parent?.ends ?? rootEnds) || !isWithin(from, ends)) {
    throw new RangeError('a dictionary block begins where its parent ends')
  }
  const builder = new flatbuffers.Builder(1024)
  const types = writeTexts(builder, from.types, ends.types, (id) => dictionary.type(id)!)
  const keys = writeTexts(builder, from.objectKeys, ends.objectKeys, (id) => dictionary.key(id)!)
  const paths = writeLists(
    builder,
    from.objectPaths,
    ends.objectPaths,
    (id) => dictionary.path(id)!,
  )
  const signatures = writeLists(
    builder,
    from.objectSignatures,
    ends.objectSignatures,
    (id) => dictionary.signature(id)!,
  )
  const parentAt = parent === null ? 0 : writeDictionaryRef(builder, parent)
  DictionaryBlock.startDictionaryBlock(builder)
  DictionaryBlock.addParent(builder, parentAt)
  DictionaryBlock.addTypes(builder, types)
  DictionaryBlock.addObjectKeys(builder, keys)
  DictionaryBlock.addObjectPaths(builder, paths)
  DictionaryBlock.addObjectSignatures(builder, signatures)
  const block = DictionaryBlock.endDictionaryBlock(builder)
  const bytes = finishBlob(builder, Bip2BlobData.DictionaryBlock, block)
  return { bytes, ref: { blobId: new Uint8Array(sha256(bytes)), ends } }
}

/**
 * The dictionary of a parent (the well-known root for a block without one) with the entries of a
 * block added. `parent` stays as it is.
 * @throws as `growDictionary`
 */
export function decodeDictionaryBlock(bytes: Uint8Array, parent: Dictionary): Dictionary {
  const dictionary = parent.clone()
  growDictionary(dictionary, bytes)
  return dictionary
}

/**
 * Adds the entries of a block to the dictionary that it goes on from; leaves it as it was where the
 * block is refused. Every entry must be new, within the caps of a dictionary, and refer to what was
 * there before it; the paths of a signature must make an object in document order.
 * @throws {ARCHIVE_BLOB_MALFORMED} also where the dictionary does not end where the block says
 * @throws {ARCHIVE_BLOB_TOO_LARGE}
 * @throws {STREAMVBYTE_MALFORMED}
 */
export function growDictionary(dictionary: Dictionary, bytes: Uint8Array): void {
  const before = dictionary.ends
  try {
    readBlob(bytes, Bip2BlobData.DictionaryBlock, new DictionaryBlock(), (block) => {
      const ref = block.parent()
      const from = ref === null ? rootEnds : readDictionaryRef(ref).ends
      if (!endsEqual(from, before)) throw malformedBlob('its dictionary goes on from other ends')
      addEntries(dictionary, block)
    })
  } catch (error) {
    dictionary.rollback(before)
    throw error
  }
}

function addEntries(dictionary: Dictionary, block: DictionaryBlock): void {
  let { types, objectKeys, objectPaths, objectSignatures } = dictionary.ends
  for (const type of readTexts(block.types(), maxTypeUnits, maxDictionaryEnds.types)) {
    addNew(types++, dictionary.typeId(type))
  }
  for (const key of readTexts(block.objectKeys(), maxKeyUnits, maxDictionaryEnds.objectKeys)) {
    addNew(objectKeys++, dictionary.keyId(key))
  }
  for (const path of readLists(block.objectPaths(), maxDictionaryEnds.objectPaths)) {
    addNew(objectPaths++, dictionary.pathId(path))
  }
  const order = new DocumentOrder(dictionary)
  for (const signature of readLists(block.objectSignatures(), maxDictionaryEnds.objectSignatures)) {
    addNew(objectSignatures++, dictionary.signatureId(signature))
    order.check(signature)
  }
}

/**
 * The reference to the block before this one; null where the block goes on from the well-known root.
 * @throws {ARCHIVE_BLOB_MALFORMED}
 * @throws {ARCHIVE_BLOB_TOO_LARGE}
 */
export function readDictionaryParent(bytes: Uint8Array): DictionaryRef | null {
  return readBlob(bytes, Bip2BlobData.DictionaryBlock, new DictionaryBlock(), (block) => {
    const parent = block.parent()
    return parent === null ? null : readDictionaryRef(parent)
  })
}

/** Writes a reference into a table that is being built. */
export function writeDictionaryRef(
  builder: flatbuffers.Builder,
  { blobId, ends }: DictionaryRef,
): flatbuffers.Offset {
  return DictionaryBlockRef.createDictionaryBlockRef(
    builder,
    builder.createByteVector(hashOf(blobId)),
    ends.types,
    ends.objectKeys,
    ends.objectPaths,
    ends.objectSignatures,
  )
}

/**
 * The reference in a table. Its ends lie between those of the well-known
 * root and the caps of a dictionary; whether they are true shows when the chain is resolved.
 * @throws {ARCHIVE_BLOB_MALFORMED}
 */
export function readDictionaryRef(table: DictionaryBlockRef): DictionaryRef {
  const ends = {
    types: table.typesEnd(),
    objectKeys: table.objectKeysEnd(),
    objectPaths: table.objectPathsEnd(),
    objectSignatures: table.objectSignaturesEnd(),
  }
  if (!isWithin(rootEnds, ends) || !isWithin(ends, maxDictionaryEnds)) {
    throw malformedBlob('a dictionary ends where none can')
  }
  return { blobId: hashOf(table.blobIdArray()), ends }
}

/** True where both are the same in all four kinds. */
export function endsEqual(left: DictionaryEnds, right: DictionaryEnds): boolean {
  return isWithin(left, right) && isWithin(right, left)
}

/** True where `inner` lies beyond `outer` in none of the four kinds. */
export function isWithin(inner: DictionaryEnds, outer: DictionaryEnds): boolean {
  return (
    inner.types <= outer.types &&
    inner.objectKeys <= outer.objectKeys &&
    inner.objectPaths <= outer.objectPaths &&
    inner.objectSignatures <= outer.objectSignatures
  )
}

function addNew(expectedId: number, id: number): void {
  if (id !== expectedId)
    throw malformedBlob('a dictionary entry is there already, or cannot be one')
}

function writeTexts(
  builder: flatbuffers.Builder,
  from: number,
  end: number,
  textOf: (id: number) => string,
): flatbuffers.Offset {
  if (from === end) return 0
  const texts: flatbuffers.Offset[] = []
  for (let id = from; id < end; id++) texts.push(builder.createString(textOf(id)))
  return StringDictionary.createStringDictionary(
    builder,
    StringDictionary.createEntriesVector(builder, texts),
  )
}

function writeLists(
  builder: flatbuffers.Builder,
  from: number,
  end: number,
  listOf: (id: number) => readonly number[],
): flatbuffers.Offset {
  if (from === end) return 0
  const lengths = new Uint32Array(end - from)
  const values: number[] = []
  for (let id = from; id < end; id++) {
    const list = listOf(id)
    lengths[id - from] = list.length
    for (const value of list) values.push(value)
  }
  const lengthsAt = write1234(builder, lengths)
  const valuesAt = write1234(builder, Uint32Array.from(values))
  IntArrayDictionary.startIntArrayDictionary(builder)
  IntArrayDictionary.addLengths(builder, lengthsAt)
  IntArrayDictionary.addValues(builder, valuesAt)
  return IntArrayDictionary.endIntArrayDictionary(builder)
}

// The decoder of the FlatBuffers runtime drops byte order marks and mends what is no UTF-8.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const maxUtf8BytesPerUnit = 3

function* readTexts(
  table: StringDictionary | null,
  maxUnits: number,
  maxCount: number,
): Iterable<string> {
  if (table === null) return
  const count = table.entriesLength()
  if (count < 0 || count > maxCount) throw malformedBlob('a dictionary is too long')
  for (let at = 0; at < count; at++) {
    const bytes: unknown = table.entries(at, flatbuffers.Encoding.UTF8_BYTES)
    if (!(bytes instanceof Uint8Array) || bytes.length > maxUnits * maxUtf8BytesPerUnit) {
      throw malformedBlob('a dictionary has an entry that is too long')
    }
    yield utf8.decode(bytes)
  }
}

function* readLists(
  table: IntArrayDictionary | null,
  maxCount: number,
): Iterable<readonly number[]> {
  if (table === null) return
  const lengths = read1234(table.lengths(), maxCount)
  const values = read1234(table.values(), maxDictionarySteps)
  let total = 0
  for (const length of lengths) {
    if (length === 0) throw malformedBlob('a dictionary has an empty path or signature')
    total += length
  }
  if (total !== values.length) throw malformedBlob('a dictionary has other lengths than values')
  let at = 0
  for (const length of lengths) {
    yield Array.from(values.subarray(at, at + length))
    at += length
  }
}

const maxObjectKeys = 64

/**
 * Whether the paths of a signature, one after the other, are the leaves of one object: none leads
 * through another, no field comes back after another one beside it, and no object has more fields
 * than fit. Holds the fields met so far in each object that is still open.
 */
class DocumentOrder {
  readonly #dictionary: Dictionary
  readonly #counts = new Uint8Array(maxPathKeys + 1)
  readonly #keys = new Uint32Array((maxPathKeys + 1) * maxObjectKeys)

  constructor(dictionary: Dictionary) {
    this.#dictionary = dictionary
  }

  check(signature: readonly number[]): void {
    let before: readonly number[] = []
    this.#counts.fill(0)
    for (const id of signature) {
      const path = this.#dictionary.path(id)!
      let shared = 0
      while (shared < before.length && before[shared] === path[shared]) shared++
      if (shared === path.length || (before.length > 0 && shared === before.length)) {
        throw malformedBlob('a signature has a leaf within a leaf')
      }
      this.#counts.fill(0, shared + 1, before.length)
      for (let depth = shared; depth < path.length; depth++) this.#add(depth, path[depth]!)
      before = path
    }
  }

  #add(depth: number, key: number): void {
    const from = depth * maxObjectKeys
    const end = from + this.#counts[depth]!
    if (this.#counts[depth]! === maxObjectKeys) throw malformedBlob('a signature has a wide object')
    for (let at = from; at < end; at++) {
      if (this.#keys[at] === key) throw malformedBlob('a signature comes back to a field')
    }
    this.#keys[end] = key
    this.#counts[depth]!++
  }
}
