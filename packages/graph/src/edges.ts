/**
 * The outgoing edges of one node, packed: 4 bytes an edge, `number of the other node << 2 | kind`.
 * Searching walks them in a row; a node with many gets an index from the other node to its place.
 */

/** What an edge says: the first follows, blocks, or does neither any more. */
export type EdgeKind = 0 | 1 | 2
export const FOLLOW = 0
export const BLOCK = 1
export const NEITHER = 2

/** With fewer edges than this, looking at each is quicker than an index. */
const INDEXED_EDGES = 64
/** Numbers of nodes have 29 bits. */
export const MAX_NODES = 0x1fffffff

export class Edges {
  /** Packed edges; those from `count` on are none. Not to be changed. */
  packed = new Int32Array(4)
  count = 0
  #index: Map<number, number> | null = null

  /** The kind of the edge to a node; null for none. */
  get(node: number): EdgeKind | null {
    const at = this.#find(node)
    return at === -1 ? null : kindOf(this.packed[at]!)
  }

  set(node: number, kind: EdgeKind): void {
    const edge = (node << 2) | kind
    const at = this.#find(node)
    if (at !== -1) {
      this.packed[at] = edge
      return
    }
    this.add(node, kind)
  }

  /** As `set`, to a node that no edge leads to yet. */
  add(node: number, kind: EdgeKind): void {
    if (this.count === this.packed.length) {
      const grown = new Int32Array(this.count * 2)
      grown.set(this.packed)
      this.packed = grown
    }
    this.packed[this.count] = (node << 2) | kind
    this.#index?.set(node, this.count)
    this.count += 1
    if (this.count === INDEXED_EDGES) this.#makeIndex()
  }

  delete(node: number): void {
    const at = this.#find(node)
    if (at === -1) return
    this.count -= 1
    const last = this.packed[this.count]!
    this.packed[at] = last
    this.#index?.set(nodeOf(last), at)
    this.#index?.delete(node)
  }

  #find(node: number): number {
    if (this.#index !== null) return this.#index.get(node) ?? -1
    for (let at = 0; at < this.count; at++) if (nodeOf(this.packed[at]!) === node) return at
    return -1
  }

  #makeIndex(): void {
    this.#index = new Map()
    for (let at = 0; at < this.count; at++) this.#index.set(nodeOf(this.packed[at]!), at)
  }
}

/** The node that a packed edge leads to. */
export const nodeOf = (edge: number): number => edge >> 2
/** What a packed edge says. */
export const kindOf = (edge: number): EdgeKind => (edge & 3) as EdgeKind
