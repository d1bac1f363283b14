import { expect, test } from 'vitest'
import { damagedRuns } from '../src/commands/verify.js'

test('damaged messages become runs of one feed, one reason and no gap', () => {
  const at = (feed: string, sequence: number, reason = 'BLOCK_DAMAGED') => ({
    feed,
    sequence,
    reason,
  })
  const damaged = [
    at('@ada', 1),
    at('@ada', 2),
    at('@ada', 3, 'KEY'),
    at('@ada', 4),
    at('@ada', 6),
    at('@bob', 7),
    at('@cat', 0, 'LOG_MISSING'),
  ]
  expect(damagedRuns(damaged)).toEqual([
    { feed: '@ada', first: 1, last: 2, reason: 'BLOCK_DAMAGED' },
    { feed: '@ada', first: 3, last: 3, reason: 'KEY' },
    { feed: '@ada', first: 4, last: 4, reason: 'BLOCK_DAMAGED' },
    { feed: '@ada', first: 6, last: 6, reason: 'BLOCK_DAMAGED' },
    { feed: '@bob', first: 7, last: 7, reason: 'BLOCK_DAMAGED' },
    { feed: '@cat', first: 0, last: 0, reason: 'LOG_MISSING' },
  ])
  expect(damagedRuns([])).toEqual([])
})
