import type { Figure } from '../figure.js'
import type { Results } from '../results.js'
import { median } from '../statistics.js'

/** `fixed + perFeed * feeds + perMessage * messages`, none of them below zero. */
export interface Plane {
  readonly fixed: number
  readonly perFeed: number
  readonly perMessage: number
  /** Root mean square of what it is off by, as a share. */
  readonly error: number
}

export interface Demand {
  readonly feeds: number
  readonly messages: number
}

/** One need: in all, and on how many machines like the measured one it fits. */
export interface Need {
  readonly what: string
  readonly amount: number
  readonly unit: 'GiB' | 's' | 'h'
  /** What one machine gives, by the assumptions. */
  readonly each: number
  /** At least 1. */
  readonly machines: number
  /** How it was reckoned, for people. */
  readonly how: string
}

export interface Reckoning {
  readonly demand: Demand
  readonly needs: readonly Need[]
  /** The most that any need asks for. */
  readonly machines: number
  readonly assumptions: readonly string[]
}

export const WHOLE_NETWORK: Demand = { feeds: 1_000_000, messages: 100_000_000 }

/** Of the memory of a machine; the rest is for the system and its cache of files. */
const MEMORY_SHARE = 0.75
/** Not seen by the harness; a common size. */
const DISK_GIB = 1024
/** Longest restart that is still called one. */
const MOST_RESTART_SECONDS = 60
/** In which a machine that starts with nothing shall have everything. */
const MOST_IMPORT_HOURS = 24
const GIB = 2 ** 30

/**
 * What so many feeds and messages need, from the growth figures of a run and from stated assumptions.
 * Null where the run has no growth figures at four sizes.
 */
export function reckon(results: Results, demand: Demand = WHOLE_NETWORK): Reckoning | null {
  const { machine, figures } = results
  const of = (id: string) => figures.filter((figure) => figure.id === id)
  const memory = planeOf(of('growth.memory.passivated'))
  const disk = planeOf(of('growth.disk'), (figure) => figure.size.messages)
  const restart = planeOf(of('growth.restart'))
  const imports = planeOf(of('growth.import'), (figure) => figure.size.messages, secondsOf)
  if (memory === null || disk === null || restart === null || imports === null) return null

  const sizes = of('growth.restart').map(({ size }) => size)
  const largest = {
    feeds: Math.max(...sizes.map(({ feeds }) => feeds)),
    messages: Math.max(...sizes.map(({ messages }) => messages)),
  }
  const work = workingMiB(figures)
  const rest = at(memory, { feeds: 0, messages: 0 })
  const memoryEach = (machine.memoryBytes / GIB) * MEMORY_SHARE - (rest + work) / 1024
  const needs = [
    need(
      'memory for tables and indexes',
      (at(memory, demand) - rest) / 1024,
      'GiB',
      memoryEach,
      `${text(memory.perFeed * 2 ** 20)} bytes a feed and ${text(memory.perMessage * 2 ** 20)} a message; a process takes ${text(rest)} MiB and its work ${text(work)} MiB more, on each machine`,
    ),
    need(
      'disk for logs and snapshots',
      at(disk, demand) / GIB,
      'GiB',
      DISK_GIB,
      `${text(disk.perFeed)} bytes a feed and ${text(disk.perMessage)} a message, nothing packed`,
    ),
    need(
      'a restart',
      at(restart, demand) / 1000,
      's',
      MOST_RESTART_SECONDS,
      `${text(restart.perFeed * 1000)} µs a feed and ${text(restart.perMessage * 1000)} µs a message`,
    ),
    need(
      'an import of everything',
      at(imports, demand) / 3600,
      'h',
      MOST_IMPORT_HOURS,
      `${text(imports.perFeed * 1e6)} µs a feed and ${text(imports.perMessage * 1e6)} µs a message on ${machine.cores} cores`,
    ),
  ]
  const times = (whole: number, part: number) => text(whole / part)
  return {
    demand,
    needs,
    machines: Math.max(...needs.map(({ machines }) => machines)),
    assumptions: [
      `A machine is like that of this run: ${machine.cores} cores of ${machine.cpu}, ${text(machine.memoryBytes / GIB)} GiB of memory.`,
      `Costs go on as planes over feeds and messages, fitted to the sizes of this run, ${times(demand.feeds, largest.feeds)} times beyond its feeds and ${times(demand.messages, largest.messages)} times beyond its messages. They are off by ${percent(memory.error)} (memory), ${percent(disk.error)} (disk), ${percent(restart.error)} (restart) and ${percent(imports.error)} (import) where they were measured; what bends further out is not in them.`,
      'Messages are like the generated ones, in size, kind and spread over feeds.',
      `Every feed has been used and rests since: memory is that of tables and indexes, which a node holds whole, and of one process; ${percent(1 - MEMORY_SHARE)} of a machine's memory is left to the system.`,
      'What works at a time is as much as an initial sync keeps in memory, however many feeds there are.',
      `A machine has ${DISK_GIB} GiB of disk, as fast as that of this run; all messages are in logs, none packed by an archive, no blobs.`,
      'A file system holds as many folders and files as there are feeds, at the cost measured here.',
      `A restart may take ${MOST_RESTART_SECONDS} s, and a machine that starts with nothing has ${MOST_IMPORT_HOURS} h for an import.`,
      'Many machines share feeds evenly, each held by one; copies for safety multiply the machines.',
      'What machines say to each other, and a query that goes to all of them, is not measured and not in here.',
    ],
  }
}

function need(what: string, amount: number, unit: Need['unit'], each: number, how: string): Need {
  return { what, amount, unit, each, machines: Math.max(1, Math.ceil(amount / each)), how }
}

const at = ({ fixed, perFeed, perMessage }: Plane, { feeds, messages }: Demand): number =>
  fixed + perFeed * feeds + perMessage * messages

/** What an initial sync keeps above the node at rest, the most of all sizes. */
function workingMiB(figures: readonly Figure[]): number {
  const rests = new Map(
    figures
      .filter(({ id }) => id === 'growth.memory.idle')
      .map(({ size, samples }) => [`${size.feeds}/${size.messages}`, median(samples)]),
  )
  const above = figures
    .filter(({ id }) => id === 'growth.memory.sync')
    .map(
      ({ size, samples }) =>
        median(samples) - (rests.get(`${size.feeds}/${size.messages}`) ?? Number.POSITIVE_INFINITY),
    )
  return Math.max(0, ...above)
}

const secondsOf = (sample: number): number => 1 / sample

const LEAST_SIZES = 4

function planeOf(
  figures: readonly Figure[],
  times: (figure: Figure) => number = () => 1,
  of: (sample: number) => number = (sample) => sample,
): Plane | null {
  const points = figures.map((figure) => ({
    ...figure.size,
    cost: of(median(figure.samples)) * times(figure),
  }))
  return points.length < LEAST_SIZES ? null : fitPlane(points)
}

/**
 * Least squares of the relative errors. A term that would be below zero, which no cost is, is left
 * out and the others are fitted again.
 */
export function fitPlane(points: readonly (Demand & { readonly cost: number })[]): Plane {
  const rows = points.map(({ feeds, messages, cost }) => [1 / cost, feeds / cost, messages / cost])
  const choices = [[0, 1, 2], [0, 1], [0, 2], [1, 2], [0], [1], [2]]
  let best: { readonly terms: readonly number[]; readonly error: number } | null = null
  for (const choice of choices) {
    const solution = leastSquares(rows.map((row) => choice.map((column) => row[column]!)))
    if (solution === null || solution.some((term) => term < 0)) continue
    const terms = [0, 0, 0]
    for (const [index, column] of choice.entries()) terms[column] = solution[index]!
    const squares = rows.map(
      (row) => (row.reduce((sum, value, column) => sum + value * terms[column]!, 0) - 1) ** 2,
    )
    const error = Math.sqrt(squares.reduce((sum, each) => sum + each, 0) / rows.length)
    if (best === null || error < best.error) best = { terms, error }
  }
  const [fixed, perFeed, perMessage] = best!.terms
  return { fixed: fixed!, perFeed: perFeed!, perMessage: perMessage!, error: best!.error }
}

/** Terms for which the rows come closest to 1 each; null where columns depend on each other. */
function leastSquares(rows: readonly (readonly number[])[]): number[] | null {
  const width = rows[0]!.length
  // Columns of like size, so that the elimination keeps its digits.
  const scales = Array.from({ length: width }, (_, column) =>
    Math.hypot(...rows.map((row) => row[column]!)),
  )
  const scaled = rows.map((row) => row.map((value, column) => value / scales[column]!))
  const matrix = Array.from({ length: width }, (_, left) => [
    ...Array.from({ length: width }, (_, right) =>
      scaled.reduce((sum, row) => sum + row[left]! * row[right]!, 0),
    ),
    scaled.reduce((sum, row) => sum + row[left]!, 0),
  ])
  for (let column = 0; column < width; column++) {
    const pivot = matrix[column]!
    if (Math.abs(pivot[column]!) < 1e-9) return null
    for (const [index, row] of matrix.entries()) {
      if (index === column) continue
      const factor = row[column]! / pivot[column]!
      for (let each = column; each <= width; each++) row[each] = row[each]! - factor * pivot[each]!
    }
  }
  return matrix.map((row, column) => row[width]! / row[column]! / scales[column]!)
}

const text = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(2)))

const percent = (share: number): string => `${text(share * 100)} %`
