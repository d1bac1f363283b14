import { mkdtempSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Bench, type Settings, type Workload } from './bench.js'
import { commitOf, machineOf } from './machine.js'
import { Progress } from './progress.js'
import type { Results } from './results.js'
import { Dunbar } from './subjects/dunbar.js'
import type { Peers } from './subjects/peers.js'

/**
 * Runs workloads one after the other on a folder that is removed at the end. One that fails, as where an
 * answer was wrong, is told in the results and leaves the others alone. `keep` is given what there is
 * after each of them.
 */
export async function runWorkloads(
  workloads: readonly Workload[],
  settings: Settings,
  peers: Peers,
  environment: NodeJS.ProcessEnv,
  keep: (results: Results) => void,
): Promise<Results> {
  const folder = mkdtempSync(join(tmpdir(), 'dunbar-bench-'))
  const at = new Date()
  const commit = commitOf()
  const progress = new Progress()
  const { placement, profiles } = settings
  const profiled = {
    ...placement,
    get nodeFlags() {
      return [...placement.nodeFlags, ...(profiles?.nodeFlags ?? [])]
    },
  }
  const dunbar = new Dunbar(profiled, environment)
  const bench = new Bench(settings, folder, dunbar, peers, progress)
  const failures: { workload: string; message: string }[] = []
  const workloadSeconds: Record<string, number> = {}
  const resultsSoFar = async (): Promise<Results> => ({
    version: 2,
    at: at.toISOString(),
    commit,
    node: process.version,
    machine: machineOf(),
    run: {
      isFull: settings.isFull,
      workloads: Object.keys(workloadSeconds),
      samples: settings.samples,
      seed: settings.seed,
      shards: settings.shards,
      workloadSeconds: { ...workloadSeconds },
      cores: settings.placement.cores,
      seconds: Math.round((Date.now() - at.getTime()) / 1000),
    },
    subjects: Object.fromEntries(
      [dunbar, ...peers.present].map(({ name, version }) => [name, version]),
    ),
    datasets: (await bench.datasets()).map(
      ({ feeds, messages, seed, digest, facts, population }) => ({
        feeds,
        messages,
        seed,
        population,
        digest,
        sizeBytes: facts.sizeBytes,
      }),
    ),
    figures: bench.figures,
    failures,
  })
  try {
    const sizes = workloads.flatMap((workload) => workload.datasets?.(settings) ?? [])
    if (sizes.length > 0) progress.begin('data')
    await Promise.all(sizes.map((size) => bench.dataset(size)))
    for (const [index, workload] of workloads.entries()) {
      progress.begin(`${index + 1}/${workloads.length} ${workload.name}`)
      profiles?.begin(workload.name)
      const begunAt = performance.now()
      try {
        await workload.run(bench)
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error)
        progress.fail(error instanceof Error ? (error.stack ?? message) : message)
        failures.push({ workload: workload.name, message })
      }
      workloadSeconds[workload.name] = (performance.now() - begunAt) / 1000
      keep(await resultsSoFar())
    }
    return await resultsSoFar()
  } finally {
    progress.end()
    // All files of a folder are removed at the same time; of all folders, there are a million.
    for (const name of readdirSync(folder)) {
      await rm(join(folder, name), { recursive: true, force: true })
    }
    await rm(folder, { recursive: true, force: true })
  }
}
