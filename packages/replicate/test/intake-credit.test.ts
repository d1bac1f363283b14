import { describe, expect, it } from 'vitest'
import { FIRST_CREDIT_BYTES, IntakeCredit } from '../src/intake-credit.js'

const MOST_BYTES = 10 * FIRST_CREDIT_BYTES

/** Takes pieces of a KiB until it is used up, and gives them back; says how many bytes that were. */
function fill(credit: IntakeCredit): number {
  let sizeBytes = 0
  for (; !credit.isUsedUp; sizeBytes += 1024) credit.take(1024)
  credit.give(sizeBytes)
  return sizeBytes
}

describe('what a connection may have under way', () => {
  it('is little in the beginning', () => {
    expect(fill(new IntakeCredit(MOST_BYTES))).toBe(FIRST_CREDIT_BYTES)
  })

  it('grows with what was looked at, up to the most', () => {
    const credit = new IntakeCredit(MOST_BYTES)
    const sizes = Array.from({ length: 20 }, () => fill(credit))
    expect(sizes[1]).toBe(1.25 * FIRST_CREDIT_BYTES)
    expect(sizes).toEqual([...sizes].sort((a, b) => a - b))
    expect(sizes.at(-1)).toBe(MOST_BYTES)
  })

  it('does not grow before what is under way was looked at', () => {
    const credit = new IntakeCredit(MOST_BYTES)
    credit.take(FIRST_CREDIT_BYTES)
    expect(credit.isUsedUp).toBe(true)
    credit.give(1)
    expect(credit.isUsedUp).toBe(false)
    expect(credit.isFree).toBe(false)
    credit.give(FIRST_CREDIT_BYTES - 1)
    expect(credit.isFree).toBe(true)
  })

  it('is no more in the beginning than it may ever be', () => {
    const credit = new IntakeCredit(1)
    credit.take(1)
    expect(credit.isUsedUp).toBe(true)
  })
})
