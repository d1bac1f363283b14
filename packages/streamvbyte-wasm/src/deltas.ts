import { notSafe } from './stream.js'

/**
 * The difference of each value to the one before it, the first to `base`; `prefixSums` with the same
 * base is the way back. Neither loses anything: what a double can't hold exactly is refused.
 *
 * @throws {STREAMVBYTE_UNSAFE_INTEGER} where a value or a difference is no safe integer
 */
export function deltas(values: Float64Array, base = 0): Float64Array {
  const differences = new Float64Array(values.length)
  let before = base
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!
    const difference = value - before
    if (!Number.isSafeInteger(value) || !Number.isSafeInteger(difference)) {
      throw notSafe('STREAMVBYTE_UNSAFE_INTEGER')
    }
    differences[index] = difference
    before = value
  }
  return differences
}

/**
 * `base` plus the sum of all differences up to and including each.
 *
 * @throws {STREAMVBYTE_MALFORMED} where a difference or a sum is no safe integer
 */
export function prefixSums(differences: Float64Array, base = 0): Float64Array {
  const sums = new Float64Array(differences.length)
  let sum = base
  for (let index = 0; index < differences.length; index++) {
    const difference = differences[index]!
    sum += difference
    // A sum beyond the safe integers is rounded, but never back into them.
    if (!Number.isSafeInteger(difference) || !Number.isSafeInteger(sum)) {
      throw notSafe('STREAMVBYTE_MALFORMED')
    }
    sums[index] = sum
  }
  return sums
}
