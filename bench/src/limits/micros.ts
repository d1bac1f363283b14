/** Work of less than this is too short for the clock; ms. */
const LEAST_MS = 100

/** µs that each item takes, over as many turns through all of them as the clock needs. */
export function microsEach<Item>(items: readonly Item[], work: (item: Item) => number): number {
  // V8 compiles it first, and what it gives is kept from being optimized away.
  let sum = 0
  for (const item of items) sum += work(item)
  let count = 0
  let ms = 0
  const startedAt = performance.now()
  do {
    for (const item of items) sum += work(item)
    count += items.length
    ms = performance.now() - startedAt
  } while (ms < LEAST_MS)
  if (sum === 0) throw new Error('what is measured gives nothing')
  return (ms * 1000) / count
}
