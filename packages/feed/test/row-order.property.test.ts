import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RowOrder } from '../src/row-order.js'

interface Row {
  readonly key: number
  readonly feed: number
  readonly sequence: number
}

const time = fc.oneof(
  fc.integer({ min: 0, max: 20 }),
  fc.double({ noNaN: true }),
  fc.constantFrom(0, -0, -1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
)
const row = fc.record({ key: time, feed: fc.nat(3), sequence: fc.integer({ min: 1, max: 50 }) })
const ranks = Uint32Array.of(2, 0, 3, 1)

function sorted(rows: readonly Row[]): number[] {
  return [...rows.keys()].sort((a, b) => {
    const [left, right] = [rows[a]!, rows[b]!]
    if (left.key !== right.key) return left.key < right.key ? -1 : 1
    return ranks[left.feed]! - ranks[right.feed]! || left.sequence - right.sequence || a - b
  })
}

function orderOf(rows: Row[]): RowOrder {
  return new RowOrder({
    count: () => rows.length,
    key: () => Float64Array.from(rows, ({ key }) => key),
    feed: () => Uint32Array.from(rows, ({ feed }) => feed),
    sequence: () => Uint32Array.from(rows, ({ sequence }) => sequence),
    rank: () => ranks,
  })
}

describe('an order of rows', () => {
  it('is that of a plain sort, however rows come in', () => {
    fc.assert(
      fc.property(fc.array(fc.array(row, { maxLength: 60 }), { maxLength: 6 }), (batches) => {
        const rows: Row[] = []
        const order = orderOf(rows)
        for (const batch of batches) {
          rows.push(...batch)
          expect([...order.between({})]).toEqual(sorted(rows))
        }
        order.reset()
        expect([...order.between({})]).toEqual(sorted(rows))
      }),
    )
  })

  it('is that of a plain sort for many rows', () => {
    fc.assert(
      fc.property(fc.array(row, { minLength: 5000, maxLength: 6000 }), (rows) => {
        expect([...orderOf(rows).between({})]).toEqual(sorted(rows))
      }),
      { numRuns: 4 },
    )
  })

  it('is cut at its bounds as a filter does', () => {
    const bound = fc.option(fc.integer({ min: -2, max: 22 }), { nil: undefined })
    fc.assert(
      fc.property(fc.array(row), bound, bound, bound, bound, (rows, gt, gte, lt, lte) => {
        const given = { gt, gte, lt, lte }
        const bounds = Object.fromEntries(
          Object.entries(given).filter(([, value]) => value !== undefined),
        )
        const expected = sorted(rows).filter((each) => {
          const { key } = rows[each]!
          return (
            (gt === undefined || key > gt) &&
            (gte === undefined || key >= gte) &&
            (lt === undefined || key < lt) &&
            (lte === undefined || key <= lte)
          )
        })
        expect([...orderOf(rows).between(bounds)]).toEqual(expected)
      }),
    )
  })
})
