/**
 * Puts the messages of a tangle in one line that every peer with the same messages agrees on.
 *
 * Kahn's algorithm with a heap: the root first, then again and again the smallest node (claimed
 * timestamp, then key) whose held parents are all in the line. Causality wins over any timestamp.
 * A message with a missing parent waits only for the parents that are held, so it comes after the
 * root at its claimed time, flagged. Where a cycle stops the line, edges inside the cycle are left
 * out, so its messages follow each other by tie-break; all other edges still hold.
 * Receive times differ between peers and play no part.
 * @source SIP 009, SIP 010; comparing pairwise as ssb-sort does is not transitive
 */
import type { MessageKey } from '@dunbar/core'
import { findComponents } from './cycle.js'
import { NumberHeap } from './number-heap.js'
import { buildTangleGraph, childrenOf, type TangleGraph } from './tangle-graph.js'
import type { TangleMessage } from './tangle-message.js'

/** Messages that were written without knowing of each other. */
export interface Split {
  readonly key: MessageKey
  /** The messages that name it in `branch`, two or more, in the order of the tangle. */
  readonly successors: readonly MessageKey[]
}

/** A thread that began at a reply and is shown in the tangle by `fork`. */
export interface SubThread {
  /** The reply that it began at; may be missing. */
  readonly root: MessageKey
  /** In the order of the tangle. */
  readonly messages: readonly MessageKey[]
}

export interface SortedTangle {
  /** Indexes into the input, each message once, root first. Messages of other tangles are left out. */
  readonly order: readonly number[]
  /** What a new reply names in `branch`: see `heads`. */
  readonly heads: readonly MessageKey[]
  /** Ids that messages refer to and that are not held, ascending; the root where it is absent. */
  readonly missing: readonly MessageKey[]
  /** Indexes, in order: messages that a gap or a cycle cuts off from the root. A missing root alone cuts off nobody. */
  readonly disconnected: readonly number[]
  /** Indexes, in order: messages that name themselves or are in a cycle. Honest messages can't be. */
  readonly cyclic: readonly number[]
  readonly forks: {
    readonly splits: readonly Split[]
    /** In the order of their first message. */
    readonly subThreads: readonly SubThread[]
  }
  readonly isRootHeld: boolean
}

/**
 * Sorts the messages whose key, `root` or `fork` is `rootKey`; others are ignored, and of a repeated
 * key the first is taken. The same messages in any order give the same line. Pure; O(n log n + links).
 */
export function sortTangle(rootKey: MessageKey, messages: readonly TangleMessage[]): SortedTangle {
  const graph = buildTangleGraph(rootKey, messages)
  const { members, rootNode, parentStart, parents, hasGap, namesItself, missing } = graph
  const { line, isInCycle } = lineUp(graph)
  const keyOf = (node: number): MessageKey => messages[members[node]!]!.key

  const isConnected = new Uint8Array(members.length)
  /** In `branch` of a message of the thread itself. */
  const isNamed = new Uint8Array(members.length)
  const successorCount = new Int32Array(members.length)
  const order: number[] = []
  const disconnected: number[] = []
  const cyclic: number[] = []
  const own: number[] = []
  const subThreads = new Map<MessageKey, MessageKey[]>()
  let hasSplits = false
  for (const node of line) {
    const index = members[node]!
    const { key, root, fork, branch } = messages[index]!
    const isOwn = node === rootNode || root === rootKey
    let isReached = node === rootNode || !(hasGap[node] || isInCycle[node] || namesItself[node])
    for (let at = parentStart[node]!; at < parentStart[node + 1]!; at += 1) {
      const stored = parents[at]!
      if (!isConnected[stored < 0 ? ~stored : stored]) isReached = false
      if (stored < 0) continue
      successorCount[stored]! += 1
      if (successorCount[stored] === 2) hasSplits = true
      // Without a branch its one parent is the root by rule, not by name.
      if (isOwn && branch.length > 0) isNamed[stored] = 1
    }
    order.push(index)
    if (isOwn) own.push(node)
    if (isReached) isConnected[node] = 1
    else disconnected.push(index)
    if (isInCycle[node] || namesItself[node]) cyclic.push(index)
    if (isOwn || fork !== rootKey || root === null) continue
    const started = subThreads.get(root)
    if (started === undefined) subThreads.set(root, [key])
    else started.push(key)
  }

  const successors = new Map<number, MessageKey[]>()
  if (hasSplits) {
    for (const node of line) if (successorCount[node]! > 1) successors.set(node, [])
    for (const node of line) {
      for (let at = parentStart[node]!; at < parentStart[node + 1]!; at += 1) {
        successors.get(parents[at]!)?.push(keyOf(node))
      }
    }
  }
  return {
    order,
    heads: own
      .filter((node) => !isNamed[node])
      .map(keyOf)
      .sort(),
    missing: [...missing].sort(),
    disconnected,
    cyclic,
    forks: {
      splits: [...successors].map(([node, keys]) => ({ key: keyOf(node), successors: keys })),
      subThreads: [...subThreads].map(([root, keys]) => ({ root, messages: keys })),
    },
    isRootHeld: rootNode !== -1,
  }
}

/** The `order` of `sortTangle` alone, in half the time. */
export function tangleOrder(rootKey: MessageKey, messages: readonly TangleMessage[]): number[] {
  const graph = buildTangleGraph(rootKey, messages)
  return lineUp(graph).line.map((node) => graph.members[node]!)
}

function lineUp(graph: TangleGraph): { readonly line: number[]; readonly isInCycle: Uint8Array } {
  const count = graph.members.length
  const isInCycle = new Uint8Array(count)
  const line = kahn(graph, null)
  if (line.length === count) return { line, isInCycle }

  const { childStart, children } = childrenOf(graph)
  const { componentOf, sizes } = findComponents(childStart, children)
  for (let node = 0; node < count; node += 1) {
    if (sizes[componentOf[node]!]! > 1) isInCycle[node] = 1
  }
  return { line: kahn(graph, componentOf), isInCycle }
}

/**
 * Edges inside one component are left out where components are given. Nodes are gone through in their
 * order, which nearly all keep, since a reply is written after what it replies to: only those that were
 * passed over, for a parent that stands behind them, go through the heap.
 */
function kahn(graph: TangleGraph, componentOf: Int32Array | null): number[] {
  const { members, rootNode, parentStart, parents } = graph
  const count = members.length
  const line: number[] = []
  const isInLine = new Uint8Array(count)
  const waitingFor = new Int32Array(count)
  const passedOver = new Map<number, number[]>()
  const ready = new NumberHeap(count)

  const put = (node: number): void => {
    line.push(node)
    isInLine[node] = 1
    const freed = passedOver.size === 0 ? undefined : passedOver.get(node)
    if (freed === undefined) return
    for (const child of freed) {
      waitingFor[child]! -= 1
      if (waitingFor[child] === 0) ready.push(child)
    }
  }
  if (rootNode !== -1) put(rootNode)
  for (let node = 0; node < count; node += 1) {
    if (node === rootNode) continue
    for (let at = parentStart[node]!; at < parentStart[node + 1]!; at += 1) {
      const stored = parents[at]!
      const parent = stored < 0 ? ~stored : stored
      if (isInLine[parent] === 1) continue
      if (componentOf !== null && componentOf[parent] === componentOf[node]) continue
      waitingFor[node]! += 1
      const others = passedOver.get(parent)
      if (others === undefined) passedOver.set(parent, [node])
      else others.push(node)
    }
    if (waitingFor[node]! > 0) continue
    put(node)
    while (ready.size > 0) put(ready.pop())
  }
  return line
}
