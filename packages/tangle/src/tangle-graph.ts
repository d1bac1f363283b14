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
  for (let index = 0; index < messages.length; index += 1) {
    const { key, root, fork } = messages[index]!
    if (key !== rootKey && root !== rootKey && fork !== rootKey) continue
    if (!indexOfKey.has(key)) indexOfKey.set(key, index)
  }
  const members = [...indexOfKey.values()].sort((a, b) => compare(messages[a]!, messages[b]!))
  const count = members.length
  const nodeOfIndex = new Int32Array(messages.length)
  for (let node = 0; node < count; node += 1) nodeOfIndex[members[node]!] = node
  const nodeOf = (key: MessageKey): number => {
    const index = indexOfKey.get(key)
    return index === undefined ? -1 : nodeOfIndex[index]!
  }

  const rootNode = nodeOf(rootKey)
  const missing = new Set<MessageKey>()
  if (rootNode === -1) missing.add(rootKey)
  const hasGap = new Uint8Array(count)
  const namesItself = new Uint8Array(count)
  const parentStart = new Int32Array(count + 1)
  const parents: number[] = []
  const lastChild = new Int32Array(count).fill(-1)

  for (let node = 0; node < count; node += 1) {
    parentStart[node] = parents.length
    if (node === rootNode) continue
    const { key, root, branch } = messages[members[node]!]!
    const add = (parentKey: MessageKey, onlyOrders: boolean): void => {
      if (parentKey === key) {
        namesItself[node] = 1
        return
      }
      const parent = nodeOf(parentKey)
      if (parent === -1) {
        if (parentKey === rootKey) return
        missing.add(parentKey)
        hasGap[node] = 1
        return
      }
      if (lastChild[parent] === node) return
      lastChild[parent] = node
      parents.push(onlyOrders ? ~parent : parent)
    }
    for (const parentKey of branch) add(parentKey, false)
    const startedAt = root === null || root === rootKey ? null : root
    if (startedAt !== null) add(startedAt, branch.length > 0)
    else if (branch.length === 0) add(rootKey, false)
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

function compare(a: TangleMessage, b: TangleMessage): number {
  const timeA = Number.isNaN(a.timestamp) ? 0 : a.timestamp
  const timeB = Number.isNaN(b.timestamp) ? 0 : b.timestamp
  if (timeA !== timeB) return timeA < timeB ? -1 : 1
  return a.key < b.key ? -1 : 1
}
