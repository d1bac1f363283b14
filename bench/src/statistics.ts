/** The middle value; of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Calls `run` so often and gives the time of each call in ms. */
export async function timeEach(
  count: number,
  run: (index: number) => Promise<unknown>,
): Promise<number[]> {
  const times: number[] = []
  for (let index = 0; index < count; index++) {
    const startedAt = performance.now()
    await run(index)
    times.push(performance.now() - startedAt)
  }
  return times
}

/** The value below which `share` percent of the values lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const index = Math.ceil((share / 100) * sorted.length) - 1
  return sorted[Math.max(0, index)] ?? Number.NaN
}
