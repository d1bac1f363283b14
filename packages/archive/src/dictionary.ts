/**
 * A dictionary numbers what messages have in common: values of `content.type`, field names, paths
 * of field names down to a leaf, and signatures (the paths of all leaves of an object, in document
 * order). Blocks hold the numbers.
 *
 * It stands on the encode path of every message, so paths and signatures are tries: a walk over a
 * message steps from node to node by one map look-up a key and one a leaf, and makes no list and no
 * text. The lists exist once for each entry, for writing and for reading.
 *
 * What messages hold is chosen by their authors, so everything has a cap. What does not fit gets no
 * number: 0 for a type (no value in the types column) and for a signature (the message is stored as
 * text), `noEntry` for a key and a path, and whatever is built on these comes out so as well.
 */

/** How many entries of each kind a dictionary holds, those of the well-known root included. */
export interface DictionaryEnds {
  readonly types: number
  readonly objectKeys: number
  readonly objectPaths: number
  readonly objectSignatures: number
}

/** Names a dictionary blob by its SHA-256 (32 bytes), and what the chain up to it holds. */
export interface DictionaryRef {
  readonly blobId: Uint8Array
  readonly ends: DictionaryEnds
}

/** In place of an id of a key or of a path: there is none, and none can be added. */
export const noEntry = -1

/** Id of the signature of a message that is stored as text. */
export const rawSignature = 0

/** UTF-16 units of a type. Classic messages are valid with at most 52. */
export const maxTypeUnits = 52
/** UTF-16 units of a field name: objects with longer ones are stored as tuples. */
export const maxKeyUnits = 40
/** Keys of a path. Values nest 60 deep at most. */
export const maxPathKeys = 64
/** Paths of a signature: a message of 8,192 units has fewer leaves. */
export const maxSignaturePaths = 2_048
/** Keys of all paths together, and paths of all signatures together. */
export const maxDictionarySteps = 262_144
/**
 * Entries of each kind. With the caps above, the fullest dictionary makes a blob of less than 4 MiB,
 * which any peer takes, so that no author can make one that cannot be written.
 */
export const maxDictionaryEnds: DictionaryEnds = {
  types: 8_192,
  objectKeys: 8_192,
  objectPaths: 32_768,
  objectSignatures: 32_768,
}

/** A field in the tree of all fields. Made by `Dictionary.below`. */
export class PathNode {
  readonly keyId: number
  readonly above: PathNode | null
  /** How many keys lead here. */
  readonly depth: number
  /** Id of the path that ends here, or `noEntry`. */
  pathId = noEntry
  /** Fields of the object here, by name; null while there are none. */
  below: Map<string, PathNode> | null = null

  constructor(keyId: number, above: PathNode | null) {
    this.keyId = keyId
    this.above = above
    this.depth = above === null ? 0 : above.depth + 1
  }
}

/** A list of leaves begun. Made by `Dictionary.afterLeaf`. */
export class SignatureNode {
  readonly pathId: number
  readonly before: SignatureNode | null
  /** How many leaves lead here. */
  readonly depth: number
  /** Id of the signature that ends here, or `noEntry`. */
  signatureId = noEntry
  /** The next leaf that was seen last: most objects of a shape go on the same way. */
  lastNext: SignatureNode | null = null
  /** All next leaves by path; null while there is no second one. */
  next: Map<number, SignatureNode> | null = null

  constructor(pathId: number, before: SignatureNode | null) {
    this.pathId = pathId
    this.before = before
    this.depth = before === null ? 0 : before.depth + 1
  }
}

const rootTypes = ['post', 'vote', 'contact', 'about', 'channel', 'pub', 'archive']
const rootKeys = [
  'previous',
  'author',
  'sequence',
  'timestamp',
  'hash',
  'content',
  'signature',
  'type',
]
const rootPaths = [[0], [1], [2], [3], [4], [5], [6], [5, 7]]
const rootSignatures = [
  [0, 1, 2, 3, 4, 5, 6],
  [0, 2, 1, 3, 4, 5, 6],
]

/**
 * What the well-known root dictionary, version 1, holds. It is a constant and never a blob.
 * @source ARCHIVE.md 3.2
 */
export const rootEnds: DictionaryEnds = {
  types: 1 + rootTypes.length,
  objectKeys: rootKeys.length,
  objectPaths: rootPaths.length,
  objectSignatures: 1 + rootSignatures.length,
}

const loneSurrogate = /\p{Surrogate}/u
const allDigits = /^[0-9]+$/
const dataLikeKey = /^[%@&#]|[/.:@]/

/**
 * True for a name that a dictionary may hold as a field. Objects with other names are data: names
 * that look like ids, addresses or files, and numbers, which JavaScript would put in another order.
 * @source ARCHIVE.md 3.3
 */
export function isFieldName(key: string): boolean {
  return (
    key.length <= maxKeyUnits &&
    !dataLikeKey.test(key) &&
    !allDigits.test(key) &&
    !loneSurrogate.test(key)
  )
}

/** False where a dictionary that does not hold a type cannot take it up either. */
export function hasRoomForType({ ends }: Dictionary, type: string): boolean {
  return ends.types < maxDictionaryEnds.types && isTypeName(type)
}

function isTypeName(type: string): boolean {
  return type.length <= maxTypeUnits && !loneSurrogate.test(type)
}

/** Numbers for types, keys, paths and signatures; grows from the well-known root. */
export class Dictionary {
  readonly #types: (string | undefined)[] = [undefined]
  readonly #typeIds = new Map<string, number>()
  readonly #keys: string[] = []
  readonly #keyIds = new Map<string, number>()
  readonly #paths: (readonly number[])[] = []
  readonly #pathEnds: PathNode[] = []
  /** All nodes but the top in the order they were made, and how many there were at each path. */
  readonly #pathNodes: PathNode[] = []
  readonly #pathNodesAt: number[] = []
  #pathSteps = 0
  readonly #signatures: (readonly number[])[] = [[]]
  readonly #signatureEnds: SignatureNode[]
  readonly #signatureNodes: SignatureNode[] = []
  readonly #signatureNodesAt: number[] = [0]
  #signatureSteps = 0

  /** Where every walk over an object begins, also over one inside an array. */
  readonly top = new PathNode(noEntry, null)
  /** The signature without leaves. */
  readonly noLeaves = new SignatureNode(noEntry, null)

  private constructor() {
    this.noLeaves.signatureId = rawSignature
    this.#signatureEnds = [this.noLeaves]
  }

  /** A dictionary that holds the well-known root, version 1, and nothing else. */
  static root(): Dictionary {
    const dictionary = new Dictionary()
    for (const type of rootTypes) dictionary.typeId(type)
    for (const key of rootKeys) dictionary.keyId(key)
    for (const path of rootPaths) dictionary.pathId(path)
    for (const signature of rootSignatures) dictionary.signatureId(signature)
    return dictionary
  }

  /** A dictionary with the same entries, up to `ends` where given, that grows on its own. */
  clone(ends: DictionaryEnds = this.ends): Dictionary {
    this.#checkEnds(ends)
    const twin = Dictionary.root()
    for (let id = rootEnds.types; id < ends.types; id++) twin.typeId(this.#types[id]!)
    for (let id = rootEnds.objectKeys; id < ends.objectKeys; id++) twin.keyId(this.#keys[id]!)
    for (let id = rootEnds.objectPaths; id < ends.objectPaths; id++) twin.pathId(this.#paths[id]!)
    for (let id = rootEnds.objectSignatures; id < ends.objectSignatures; id++) {
      twin.signatureId(this.#signatures[id]!)
    }
    return twin
  }

  /** How many entries of each kind there are now. An id is below its end. */
  get ends(): DictionaryEnds {
    return {
      types: this.#types.length,
      objectKeys: this.#keys.length,
      objectPaths: this.#paths.length,
      objectSignatures: this.#signatures.length,
    }
  }

  /** Finds or adds a value of `content.type`; 0 where it is too long, not well formed or one too many. */
  typeId(type: string): number {
    const known = this.#typeIds.get(type)
    if (known !== undefined) return known
    const id = this.#types.length
    if (id >= maxDictionaryEnds.types || !isTypeName(type)) return 0
    this.#types.push(type)
    this.#typeIds.set(type, id)
    return id
  }

  /** Finds or adds a field name; `noEntry` where it is none (`isFieldName`) or one too many. */
  keyId(key: string): number {
    const known = this.#keyIds.get(key)
    if (known !== undefined) return known
    const id = this.#keys.length
    if (id >= maxDictionaryEnds.objectKeys || !isFieldName(key)) return noEntry
    this.#keys.push(key)
    this.#keyIds.set(key, id)
    return id
  }

  /**
   * The node of a field of an object; its key is added where it is new. Undefined where the key is
   * no field name, the path too long or the dictionary full.
   */
  below(node: PathNode, key: string): PathNode | undefined {
    const known = node.below?.get(key)
    if (known !== undefined) return known
    if (node.depth >= maxPathKeys || this.#pathNodes.length >= maxDictionarySteps) return undefined
    const keyId = this.keyId(key)
    if (keyId === noEntry) return undefined
    const made = new PathNode(keyId, node)
    node.below ??= new Map()
    node.below.set(key, made)
    this.#pathNodes.push(made)
    return made
  }

  /** Finds or adds the path that ends at a node; `noEntry` where it is one too many. */
  pathAt(node: PathNode): number {
    if (node.pathId !== noEntry) return node.pathId
    const id = this.#paths.length
    const isFull = id >= maxDictionaryEnds.objectPaths
    if (isFull || this.#pathSteps + node.depth > maxDictionarySteps) return noEntry
    if (node.depth === 0) return noEntry
    const path = new Array<number>(node.depth)
    for (let at: PathNode | null = node; at !== null && at.depth > 0; at = at.above) {
      path[at.depth - 1] = at.keyId
    }
    node.pathId = id
    this.#paths.push(path)
    this.#pathEnds.push(node)
    this.#pathNodesAt.push(this.#pathNodes.length)
    this.#pathSteps += path.length
    return id
  }

  /** Finds or adds a path, given by ids of keys; `noEntry` where it does not fit or names unknown keys. */
  pathId(keys: readonly number[]): number {
    let node: PathNode | undefined = this.top
    for (const id of keys) {
      const key = this.#keys[id]
      node = key === undefined ? undefined : this.below(node, key)
      if (node === undefined) return noEntry
    }
    return this.pathAt(node)
  }

  /**
   * The node of a list of leaves with one more leaf. Undefined where the path is not of this
   * dictionary, the list too long or the dictionary full.
   */
  afterLeaf(node: SignatureNode, pathId: number): SignatureNode | undefined {
    const last = node.lastNext
    if (last !== null && last.pathId === pathId) return last
    let next = node.next?.get(pathId)
    if (next === undefined) {
      if (node.depth >= maxSignaturePaths || this.#paths[pathId] === undefined) return undefined
      if (this.#signatureNodes.length >= maxDictionarySteps) return undefined
      next = new SignatureNode(pathId, node)
      if (last !== null) node.next ??= new Map([[last.pathId, last]])
      node.next?.set(pathId, next)
      this.#signatureNodes.push(next)
    }
    node.lastNext = next
    return next
  }

  /** Finds or adds the signature that ends at a node; `rawSignature` where it is one too many. */
  signatureAt(node: SignatureNode): number {
    if (node.signatureId !== noEntry) return node.signatureId
    const id = this.#signatures.length
    const isFull = id >= maxDictionaryEnds.objectSignatures
    if (isFull || this.#signatureSteps + node.depth > maxDictionarySteps) return rawSignature
    const paths = new Array<number>(node.depth)
    for (let at: SignatureNode | null = node; at !== null && at.depth > 0; at = at.before) {
      paths[at.depth - 1] = at.pathId
    }
    node.signatureId = id
    this.#signatures.push(paths)
    this.#signatureEnds.push(node)
    this.#signatureNodesAt.push(this.#signatureNodes.length)
    this.#signatureSteps += paths.length
    return id
  }

  /** Finds or adds a signature, given by ids of paths; `rawSignature` where it does not fit. */
  signatureId(paths: readonly number[]): number {
    let node: SignatureNode | undefined = this.noLeaves
    for (const path of paths) {
      node = this.afterLeaf(node, path)
      if (node === undefined) return rawSignature
    }
    return this.signatureAt(node)
  }

  /** The id of a type; undefined where the dictionary does not hold it. Never adds. */
  findType(type: string): number | undefined {
    return this.#typeIds.get(type)
  }

  /** The node of a path, given by field names; undefined where no path leads there. Never adds. */
  findPath(keys: readonly string[]): PathNode | undefined {
    let node: PathNode | undefined = this.top
    for (const key of keys) {
      node = node.below?.get(key)
      if (node === undefined) return undefined
    }
    return node
  }

  /** The type of an id; undefined for 0 and for ids that are not given. */
  type(id: number): string | undefined {
    return this.#types[id]
  }

  /** The field name of an id; undefined for ids that are not given. */
  key(id: number): string | undefined {
    return this.#keys[id]
  }

  /** The ids of keys that make a path, from the top; undefined for ids that are not given. */
  path(id: number): readonly number[] | undefined {
    return this.#paths[id]
  }

  /** The ids of the paths of all leaves; empty for `rawSignature`, undefined for ids that are not given. */
  signature(id: number): readonly number[] | undefined {
    return this.#signatures[id]
  }

  /**
   * Takes back everything added since the ends were `ends`, which must be ends that this dictionary
   * had between two messages. Nodes handed out since are void.
   * @throws {RangeError} where `ends` lie past the end or within the well-known root
   */
  rollback(ends: DictionaryEnds): void {
    this.#checkEnds(ends)
    while (this.#types.length > ends.types) this.#typeIds.delete(this.#types.pop()!)
    while (this.#signatures.length > ends.objectSignatures) {
      this.#signatureSteps -= this.#signatures.pop()!.length
      this.#signatureEnds.pop()!.signatureId = noEntry
      this.#signatureNodesAt.pop()
    }
    const signatureNodes = this.#signatureNodesAt.at(-1)!
    while (this.#signatureNodes.length > signatureNodes) {
      const { pathId, before } = this.#signatureNodes.pop()!
      before!.next?.delete(pathId)
      before!.lastNext = null
    }
    while (this.#paths.length > ends.objectPaths) {
      this.#pathSteps -= this.#paths.pop()!.length
      this.#pathEnds.pop()!.pathId = noEntry
      this.#pathNodesAt.pop()
    }
    const pathNodes = this.#pathNodesAt.at(-1)!
    while (this.#pathNodes.length > pathNodes) {
      const { keyId, above } = this.#pathNodes.pop()!
      above!.below!.delete(this.#keys[keyId]!)
    }
    while (this.#keys.length > ends.objectKeys) this.#keyIds.delete(this.#keys.pop()!)
  }

  #checkEnds(ends: DictionaryEnds): void {
    const now = this.ends
    for (const kind of Object.keys(rootEnds) as (keyof DictionaryEnds)[]) {
      if (ends[kind] < rootEnds[kind] || ends[kind] > now[kind]) {
        throw new RangeError(`a dictionary with ${now[kind]} ${kind} has no end at ${ends[kind]}`)
      }
    }
  }
}
