import type { Output } from './output.js'

/** A number with its thousands apart: 12,345. */
export function grouped(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+(?!\d))/g, ',')
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** A size that people read at a glance: 1.4 MiB. */
export function humanBytes(sizeBytes: number): string {
  let size = sizeBytes
  let unit = 0
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024
    unit++
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${UNITS[unit]}`
}

/** Columns whose cells are numbers are set to the right. */
export interface Column {
  readonly title: string
  readonly isNumber?: boolean
}

/** Prints rows under their titles, without frame. */
export async function printTable(
  output: Output,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): Promise<void> {
  const { default: Table } = await import('cli-table3')
  const empty = Object.fromEntries(
    ['top', 'bottom', 'left', 'right', 'mid'].flatMap((edge) =>
      ['', '-mid', '-left', '-right'].map((part) => [`${edge}${part}`, '']),
    ),
  )
  const table = new Table({
    head: columns.map(({ title }) => title),
    colAligns: columns.map(({ isNumber }) => (isNumber ? 'right' : 'left')),
    chars: { ...empty, middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  })
  table.push(...rows.map((row) => [...row]))
  await output.line(
    table
      .toString()
      .split('\n')
      .map((line) => line.trimEnd())
      .join('\n'),
  )
}

/** Prints names and values below each other: `id      @…`. */
export async function printPairs(
  output: Output,
  pairs: readonly (readonly [name: string, value: string])[],
): Promise<void> {
  const width = Math.max(...pairs.map(([name]) => name.length)) + 2
  for (const [name, value] of pairs) await output.line(`${name.padEnd(width)}${value}`)
}
