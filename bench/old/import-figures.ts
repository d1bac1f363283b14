import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { ImportResult } from '@dunbar/node'
import { type Dataset, makeDataset } from './dataset.js'
import { runJson, startNode } from './dunbar-process.js'
import type { Figure } from './report.js'
import { median } from './statistics.js'
import { validationLimit } from './validation-limit.js'

/**
 * Imports into an empty folder and checks that everything arrived. Messages a second. An earlier
 * folder is put aside, not removed: ext4 goes round what was removed within the last minutes, which
 * makes each new file dearer than on a disk at rest.
 */
async function importOnce(dataset: Dataset, path: string): Promise<number> {
  if (existsSync(path)) renameSync(path, `${path}-${performance.now()}`)
  const result = await runJson<ImportResult>('import', dataset.file, '--path', path)
  if (result.added !== dataset.messages || result.rejected.length > 0) {
    throw new Error(`the import took ${result.added} of ${dataset.messages} messages`)
  }
  return result.added / result.seconds
}

/** Import and its limit, measured in turn. Leaves the last import in `path`. */
export async function importFigures(
  dataset: Dataset,
  path: string,
  samples: number,
): Promise<Figure[]> {
  const limits: number[] = []
  const imports: number[] = []
  for (let sample = 0; sample < samples; sample++) {
    limits.push(await validationLimit(dataset.file))
    imports.push(await importOnce(dataset, path))
  }
  const ratios = imports.map((value, index) => value / limits[index]!)
  return [
    {
      name: `import of ${dataset.messages} messages in ${dataset.feeds} feeds`,
      unit: 'messages/s',
      samples: imports,
      limit: { value: median(limits), what: 'validation alone on all cores' },
    },
    { name: 'import, share of that limit', unit: '', samples: ratios, goal: { least: 0.8 } },
  ]
}

/** What a message costs with many feeds against few, in turn. */
export async function growthFigures(
  few: Dataset,
  many: Dataset,
  folder: string,
  samples: number,
): Promise<Figure[]> {
  const path = join(folder, 'growth')
  const ratios: number[] = []
  for (let sample = 0; sample < samples; sample++) {
    const fewRate = await importOnce(few, path)
    const manyRate = await importOnce(many, path)
    ratios.push(fewRate / manyRate)
  }
  return [
    {
      name: `cost of a message, ${many.feeds} feeds against ${few.feeds}`,
      unit: '×',
      samples: ratios,
      goal: { most: 1 },
    },
  ]
}

/** A million messages in 5,000 feeds: import and restart. */
export async function bigRestartFigures(
  folder: string,
  seed: number,
  samples: number,
): Promise<Figure[]> {
  const dataset = await makeDataset(folder, { feeds: 5_000, messages: 1_000_000, seed })
  const path = join(folder, 'million')
  const rate = await importOnce(dataset, path)
  const restarts: number[] = []
  for (let sample = 0; sample < samples; sample++) {
    const node = await startNode(path)
    restarts.push(node.readyMs)
    await node.stop()
  }
  return [
    { name: 'import of 1,000,000 messages in 5,000 feeds', unit: 'messages/s', samples: [rate] },
    {
      name: 'ready after a restart, 1,000,000 messages',
      unit: 'ms',
      samples: restarts,
      goal: { most: 1000 },
    },
  ]
}
