import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readGoals } from '../../bench/dist/goals.js'
import { type Results, readResults } from '../../bench/dist/results.js'
import { workloads } from '../../bench/dist/workloads/index.js'

/** Fewer would not tell what is measured in each round from what is measured once. */
const ROUNDS = 2

/** All of it, on data so small that it takes seconds. Nothing is asserted of how fast anything is. */
const ARGS = [
  '--full',
  '--feeds',
  '20',
  '--messages',
  '2000',
  '--samples',
  String(ROUNDS),
  '--against',
  'none',
]

const program = new URL('../../bench/dist/main.js', import.meta.url).pathname

describe('the benchmark harness', () => {
  let folder: string
  let results: Results
  let table: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'dunbar-bench-test-'))
    const out = join(folder, 'results.json')
    const env = { ...process.env, NO_COLOR: '1' }
    const run = promisify(execFile)
    const { stdout } = await run(process.execPath, [program, ...ARGS, '--out', out], { env })
    table = stdout
    results = readResults(out)
  }, 600_000)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('runs every workload and keeps results of the shape that it tells', () => {
    expect(results.run.workloads).toEqual(workloads.map(({ name }) => name))
    expect(results.figures.length).toBeGreaterThan(workloads.length)
  })

  test('names each figure once for each size', () => {
    const names = results.figures.map(({ id, size }) => `${id} ${size.feeds} ${size.messages}`)
    expect(names).toEqual([...new Set(names)])
  })

  test('takes a sample of each figure in each round, or one of what is exact', () => {
    for (const { id, samples, isExact } of results.figures) {
      expect([id, samples.length]).toEqual([id, isExact === true ? 1 : ROUNDS])
    }
  })

  test('has a limit for each figure, or says why there is none', () => {
    for (const { id, limit } of results.figures) {
      if ('none' in limit) expect([id, limit.none]).toEqual([id, expect.stringMatching(/ itself$/)])
      else expect([id, limit.samples.length]).toEqual([id, limit.isExact === true ? 1 : ROUNDS])
    }
  })

  test('gives ratios that are numbers above zero', () => {
    for (const { id, samples, limit } of results.figures) {
      const values = [...samples, ...('none' in limit ? [] : limit.samples)]
      // What a feed adds to a process is less than its noise where there are few.
      if (id.endsWith('.passivated')) continue
      for (const value of values) expect(value, id).toBeGreaterThan(0)
    }
  })

  test('tells what each workload took', () => {
    expect(Object.keys(results.run.workloadSeconds)).toEqual(results.run.workloads)
  })

  test('has a figure for each goal', () => {
    const ids = new Set(results.figures.map(({ id }) => id))
    expect(readGoals().filter(({ figure }) => !ids.has(figure))).toEqual([])
  })

  test('says of each set of data what it was', () => {
    for (const { digest } of results.datasets) expect(digest).toMatch(/^[0-9a-f]{64}$/)
    expect(results.datasets.length).toBeGreaterThan(0)
  })

  test('ends with a table of all figures', () => {
    for (const { title } of results.figures)
      expect(table.replaceAll(/\s+/g, ' ')).toContain(title.slice(0, 12))
  })
})
