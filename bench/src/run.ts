import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Bench, type Settings, type Workload } from './bench.js'
import { commitOf, machineOf } from './machine.js'
import { Progress } from './progress.js'
import type { Results } from './results.js'
import { Dunbar } from './subjects/dunbar.js'
import type { Peers } from './subjects/peers.js'

/**
 * Runs workloads one after the other on a folder that is removed at the end.
 * @throws {Error} what was measured was wrong
 */
export async function runWorkloads(
  workloads: readonly Workload[],
  settings: Settings,
  peers: Peers,
  environment: NodeJS.ProcessEnv,
): Promise<Results> {
  const folder = mkdtempSync(join(tmpdir(), 'dunbar-bench-'))
  const at = new Date()
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
  try {
    for (const [index, workload] of workloads.entries()) {
      progress.begin(`${index + 1}/${workloads.length} ${workload.name}`)
      profiles?.begin(workload.name)
      await workload.run(bench)
    }
    const datasets = await bench.datasets()
    return {
      version: 2,
      at: at.toISOString(),
      commit: commitOf(),
      node: process.version,
      machine: machineOf(),
      run: {
        isFull: settings.isFull,
        workloads: workloads.map(({ name }) => name),
        samples: settings.samples,
        seed: settings.seed,
        shards: settings.shards,
        cores: settings.placement.cores,
        seconds: Math.round((Date.now() - at.getTime()) / 1000),
      },
      subjects: Object.fromEntries(
        [dunbar, ...peers.present].map(({ name, version }) => [name, version]),
      ),
      datasets: datasets.map(({ feeds, messages, seed, digest, facts, population }) => ({
        feeds,
        messages,
        seed,
        population,
        digest,
        sizeBytes: facts.sizeBytes,
      })),
      figures: bench.figures,
    }
  } finally {
    progress.end()
    rmSync(folder, { recursive: true, force: true })
  }
}
