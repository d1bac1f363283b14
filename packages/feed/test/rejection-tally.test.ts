import { describe, expect, test } from 'vitest'
import { IngestTotals, RejectionTally } from '../src/rejection-tally.js'

describe('a tally', () => {
  test('counts by reason, most frequent first, with the first example of each', () => {
    const tally = new RejectionTally()
    tally.add('GAP', 'a:3')
    tally.add('SIGNATURE', 'a:2', 5)
    tally.add('GAP', 'a:4')
    tally.add('FORK', 'b:1', 2)
    expect(tally.list()).toEqual([
      { reason: 'SIGNATURE', count: 5, example: 'a:2' },
      { reason: 'FORK', count: 2, example: 'b:1' },
      { reason: 'GAP', count: 2, example: 'a:3' },
    ])
  })

  test('tells a bounded number of reasons apart and loses no count', () => {
    const tally = new RejectionTally()
    for (let reason = 0; reason < 1000; reason++) tally.add(`REASON_${reason}`, 'x')
    for (const name of ['__proto__', 'constructor', 'REASON_1']) tally.add(name, 'y')
    const list = tally.list()
    expect(list.length).toBe(65)
    expect(list[0]).toMatchObject({ reason: 'OTHER', count: 1000 - 64 + 2 })
    expect(list.reduce((sum, { count }) => sum + count, 0)).toBe(1003)
  })

  test('of totals is the sum of its parts', () => {
    const totals = new IngestTotals()
    totals.add({ added: 2, known: 1, rejected: [{ reason: 'GAP', count: 3, example: 'a' }] })
    totals.add({ added: 1, known: 0, rejected: [{ reason: 'GAP', count: 1, example: 'b' }] })
    expect(totals.result()).toEqual({
      added: 3,
      known: 1,
      rejected: [{ reason: 'GAP', count: 4, example: 'a' }],
    })
  })
})
