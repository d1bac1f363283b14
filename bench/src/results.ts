import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import * as v from 'valibot'
import type { Figure } from './figure.js'

const numbers = v.array(v.pipe(v.number(), v.finite()))
const some = v.pipe(numbers, v.minLength(1))
const size = v.object({ feeds: v.number(), messages: v.number() })

const figure = v.object({
  id: v.string(),
  title: v.string(),
  unit: v.string(),
  better: v.picklist(['more', 'less']),
  size,
  samples: some,
  isExact: v.optional(v.boolean()),
  calls: v.optional(some),
  limit: v.optional(
    v.union([
      v.object({ what: v.string(), samples: some, isExact: v.optional(v.boolean()) }),
      v.object({ none: v.string() }),
    ]),
    { none: 'was not measured' },
  ),
  peers: v.optional(
    v.record(v.string(), v.union([v.object({ samples: some }), v.object({ cannot: v.string() })])),
  ),
})

/** What a run leaves in `bench/results/`. */
export const resultsSchema = v.object({
  /** Of this shape. */
  version: v.literal(2),
  /** When it began, ISO 8601. */
  at: v.string(),
  commit: v.string(),
  node: v.string(),
  machine: v.object({
    cpu: v.string(),
    cores: v.number(),
    memoryBytes: v.number(),
    system: v.string(),
  }),
  run: v.object({
    isFull: v.boolean(),
    workloads: v.array(v.string()),
    samples: v.number(),
    seed: v.number(),
    shards: v.nullable(v.number()),
    /** What each workload took, by its name. */
    workloadSeconds: v.optional(v.record(v.string(), v.number()), {}),
    /** Processors that all subjects were pinned to; null where they were not. */
    cores: v.nullable(v.string()),
    seconds: v.number(),
  }),
  /** What was measured, by name; the value tells the versions. */
  subjects: v.record(v.string(), v.string()),
  datasets: v.array(
    v.object({
      ...size.entries,
      population: v.string(),
      seed: v.number(),
      /** SHA-256 of the file, hex. */
      digest: v.string(),
      /** Compact JSON of all values. */
      sizeBytes: v.number(),
    }),
  ),
  figures: v.array(figure),
  /** Workloads that ended with an error, such as a wrong answer, with its text. */
  failures: v.array(v.object({ workload: v.string(), message: v.string() })),
})

export type Results = Omit<v.InferOutput<typeof resultsSchema>, 'figures'> & {
  readonly figures: readonly Figure[]
}

/** @throws {Error} no such file, or none of this harness */
export function readResults(file: string): Results {
  const parsed = v.safeParse(resultsSchema, JSON.parse(readFileSync(file, 'utf8')))
  if (parsed.success) return parsed.output as Results
  const issue = parsed.issues[0]
  throw new Error(
    `${file} is no result of this harness: ${v.getDotPath(issue) ?? ''} ${issue.message}`,
  )
}

const SIGNIFICANT_DIGITS = 5

/** Lists of numbers stay on one line each. */
export function writeResults(file: string, results: Results): void {
  const text = JSON.stringify(v.parse(resultsSchema, results), rounded, 1)
  const compact = text.replaceAll(
    /\[\n\s+(-?[\d.e+-]+(?:,\n\s+-?[\d.e+-]+)*)\n\s+\]/g,
    (_, list) => {
      return `[${(list as string).replaceAll(/\s+/g, '')}]`
    },
  )
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${compact}\n`)
}

const rounded = (_: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isInteger(value)
    ? Number(value.toPrecision(SIGNIFICANT_DIGITS))
    : value
