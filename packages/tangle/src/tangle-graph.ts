/**
 * The messages of one tangle as numbered nodes with edges in flat arrays.
 *
 * Nodes are numbered by the tie-break (claimed timestamp, then key, both ascending), so comparing
 * two nodes is comparing two integers. The root's own links lead out of the tangle and are not
 * followed. Parents of any other node: the ids in its `branch`; where that is empty, the root; and
 * for a message of a sub-thread the reply that the sub-thread began at, which only orders it.
 * Parents of node n are parents[parentStart[n]] up to parents[parentStart[n + 1]]; a parent p that
 * only orders is stored as ~p. Cost: O(n log n + links).
 */
import type { MessageKey } from '@dunbar/core'
import type { TangleMessage } from './tangle-message.js'

export interface TangleGraph {
  /** For each node its index in the input. */
  readonly members: readonly number[]
  /** The root's node, or -1 where the root is not held. */
  readonly rootNode: number
  readonly parentStart: Int32Array
  readonly parents: Int32Array
  /** 1 where a parent is not held; the root itself doesn't count, since its key is known. */
  readonly hasGap: Uint8Array
  /** 1 where the message names itself. */
  readonly namesItself: Uint8Array
  readonly missing: ReadonlySet<MessageKey>
}

/** Messages of other tangles and repeated keys are left out; of a repeated key the first is taken. */
export function buildTangleGraph(
  rootKey: MessageKey,
  messages: readonly TangleMessage[],
): TangleGraph {
  const indexOfKey = new Map<MessageKey, number>()
  const times = new Float64Array(messages.length)
  const members: number[] = []
  for (let index = 0; index < messages.length; index += 1) {
    const { key, root, fork, timestamp } = messages[index]!
    if (root !== rootKey && key !== rootKey && fork !== rootKey) continue
    if (indexOfKey.has(key)) continue
    indexOfKey.set(key, index)
    times[index] = Number.isNaN(timestamp) ? 0 : timestamp
    members.push(index)
  }
  members.sort((a, b) => {
    if (times[a] !== times[b]) return times[a]! < times[b]! ? -1 : 1
    return messages[a]!.key < messages[b]!.key ? -1 : 1
  })
  const count = members.length
  const nodeOfIndex = new Int32Array(messages.length)
  for (let node = 0; node < count; node += 1) nodeOfIndex[members[node]!] = node

  const rootIndex = indexOfKey.get(rootKey)
  const rootNode = rootIndex === undefined ? -1 : nodeOfIndex[rootIndex]!
  const missing = new Set<MessageKey>()
  if (rootNode === -1) missing.add(rootKey)
  const hasGap = new Uint8Array(count)
  const namesItself = new Uint8Array(count)
  const parentStart = new Int32Array(count + 1)
  const parents: number[] = []
  const lastChild = new Int32Array(count).fill(-1)

  const add = (node: number, parentKey: MessageKey, onlyOrders: boolean): void => {
    const index = parentKey === rootKey ? rootIndex : indexOfKey.get(parentKey)
    if (index === undefined) {
      if (parentKey === rootKey) return
      missing.add(parentKey)
      hasGap[node] = 1
      return
    }
    const parent = nodeOfIndex[index]!
    if (parent === node) {
      namesItself[node] = 1
    } else if (lastChild[parent] !== node) {
      lastChild[parent] = node
      parents.push(onlyOrders ? ~parent : parent)
    }
  }
  for (let node = 0; node < count; node += 1) {
    parentStart[node] = parents.length
    if (node === rootNode) continue
    const { root, branch } = messages[members[node]!]!
    for (const parentKey of branch) add(node, parentKey, false)
    if (root !== null && root !== rootKey) add(node, root, branch.length > 0)
    else if (branch.length === 0) add(node, rootKey, false)
  }
  parentStart[count] = parents.length
  return {
    members,
    rootNode,
    parentStart,
    parents: Int32Array.from(parents),
    hasGap,
    namesItself,
    missing,
  }
}

/** Nodes that wait for a node, in the form of `parentStart` and `parents`, without the mark for "only orders". */
export function childrenOf(graph: TangleGraph): {
  readonly childStart: Int32Array
  readonly children: Int32Array
} {
  const { members, parentStart, parents } = graph
  const childStart = new Int32Array(members.length + 1)
  for (const stored of parents) childStart[(stored < 0 ? ~stored : stored) + 1]! += 1
  for (let node = 0; node < members.length; node += 1) childStart[node + 1]! += childStart[node]!
  const next = childStart.slice()
  const children = new Int32Array(parents.length)
  for (let node = 0; node < members.length; node += 1) {
    for (let at = parentStart[node]!; at < parentStart[node + 1]!; at += 1) {
      const stored = parents[at]!
      children[next[stored < 0 ? ~stored : stored]!++] = node
    }
  }
  return { childStart, children }
}
