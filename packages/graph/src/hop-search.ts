/**
 * Hops from one node to all others, level by level.
 *
 * A follow leads from `h` to `h + 1`, a block to `-(h + 1)`, an explicit neither to `-(h + 2)`; of
 * several the smallest magnitude counts, and between two of the same the positive one. Only nodes
 * from 0 to below the limit lead on. While level `h` is expanded nothing smaller than `h + 1` can
 * come up any more, so a node is final once its level is reached, and each edge is looked at once.
 *
 * @source protocol digest 5.2; npm dynamic-dijkstra 1.0, `simple.js`
 */
import { BLOCK, type EdgeKind, type Edges, FOLLOW, kindOf, nodeOf } from './edges.js'

/** Of a node that is not reached. */
export const UNREACHED = 0x7fff
/** Above this no graph of people has levels. */
export const MAX_HOPS = 1000

/** Where an edge leads to from a node at `hops`, 0 or more. */
export function hopsBehind(hops: number, kind: EdgeKind): number {
  if (kind === FOLLOW) return hops + 1
  return kind === BLOCK ? -(hops + 1) : -(hops + 2)
}

/** Whether one way to a node counts more than another; `UNREACHED` counts least. */
export function countsMore(hops: number, than: number): boolean {
  const [size, otherSize] = [Math.abs(hops), Math.abs(than)]
  return size < otherSize || (size === otherSize && hops > than)
}

/**
 * @param edges by node; missing for a node without any
 * @returns hops by node, `UNREACHED` for none
 */
export function searchHops(
  edges: readonly (Edges | undefined)[],
  nodeCount: number,
  start: number,
  maxHops: number,
): Int16Array {
  const hops = new Int16Array(nodeCount).fill(UNREACHED)
  hops[start] = 0
  let level = [start]
  for (let near = 0; near < maxHops && level.length > 0; near++) {
    const next: number[] = []
    for (const node of level) {
      const from = edges[node]
      if (from === undefined) continue
      const { packed, count } = from
      for (let at = 0; at < count; at++) {
        const edge = packed[at]!
        const other = nodeOf(edge)
        const held = hops[other]!
        const size = held < 0 ? -held : held
        const kind = kindOf(edge)
        if (kind === FOLLOW) {
          if (size > near + 1 || held === -(near + 1)) {
            hops[other] = near + 1
            next.push(other)
          }
        } else {
          const found = kind === BLOCK ? near + 1 : near + 2
          if (size > found) hops[other] = -found
        }
      }
    }
    level = next
  }
  return hops
}
