/**
 * Strongly connected components after Tarjan, without recursion. Keys are hashes of what they link
 * to, so cycles come only from broken or invented input; two nodes are in one cycle iff they have
 * the same component and that component has more than one node. Cost: O(nodes + edges).
 */
export interface Components {
  /** Component number of each node. */
  readonly componentOf: Int32Array
  /** Nodes in each component, by its number. */
  readonly sizes: Int32Array
}

/** Edges of node n are targets[start[n]] up to targets[start[n + 1]]. */
export function findComponents(start: Int32Array, targets: Int32Array): Components {
  const count = start.length - 1
  const componentOf = new Int32Array(count).fill(-1)
  const sizes = new Int32Array(count)
  const visitedAt = new Int32Array(count).fill(-1)
  const lowest = new Int32Array(count)
  const nextEdge = start.slice(0, count)
  const open = new Int32Array(count)
  const path = new Int32Array(count)
  let openCount = 0
  let visitCount = 0
  let componentCount = 0

  for (let first = 0; first < count; first += 1) {
    if (visitedAt[first] !== -1) continue
    let depth = 0
    const enter = (node: number): void => {
      visitedAt[node] = lowest[node] = visitCount++
      open[openCount++] = node
      path[depth++] = node
    }
    enter(first)
    while (depth > 0) {
      const node = path[depth - 1]!
      if (nextEdge[node]! < start[node + 1]!) {
        const target = targets[nextEdge[node]!++]!
        if (visitedAt[target] === -1) enter(target)
        else if (componentOf[target] === -1) {
          lowest[node] = Math.min(lowest[node]!, visitedAt[target]!)
        }
        continue
      }
      depth -= 1
      if (depth > 0) {
        const above = path[depth - 1]!
        lowest[above] = Math.min(lowest[above]!, lowest[node]!)
      }
      if (lowest[node] !== visitedAt[node]) continue
      for (let member = -1; member !== node; ) {
        member = open[--openCount]!
        componentOf[member] = componentCount
        sizes[componentCount]! += 1
      }
      componentCount += 1
    }
  }
  return { componentOf, sizes }
}
