/** Mean and deviation of samples, kept as the address book of the JavaScript stack keeps them. */
export interface Statistics {
  readonly mean: number
  readonly stdev: number
  readonly count: number
  readonly sum: number
  /** Sum of the squares. */
  readonly sqsum: number
}

/** The statistics with one sample more. @source npm statistics 3.3 */
export function withSample(statistics: Statistics | undefined, sample: number): Statistics {
  const count = (statistics?.count ?? 0) + 1
  const sum = (statistics?.sum ?? 0) + sample
  const sqsum = (statistics?.sqsum ?? 0) + sample * sample
  const mean = sum / count
  // Rounding may leave a little less than nothing below the root.
  const stdev = Math.sqrt(Math.max(0, sqsum / count - mean * mean))
  return { mean, stdev, count, sum, sqsum }
}

/** Whether a value from a file is statistics that can be continued. */
export function isStatistics(value: unknown): value is Statistics {
  if (typeof value !== 'object' || value === null) return false
  const fields = value as Readonly<Record<string, unknown>>
  return (
    ['mean', 'stdev', 'count', 'sum', 'sqsum'].every((name) => Number.isFinite(fields[name])) &&
    (fields.count as number) >= 1
  )
}
