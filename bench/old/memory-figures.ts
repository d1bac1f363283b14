import { join } from 'node:path'
import { connect } from '@dunbar/client'
import type { FeedId } from '@dunbar/core'
import type { Dataset } from './dataset.js'
import { runJson, startNode } from './dunbar-process.js'
import type { Figure } from './report.js'

/** Time for idle actors to passivate, ms; far below the default, so that the run is short. */
const PASSIVATE_AFTER_MS = 200
const ROUNDS = 3
/** By then all actors have passivated, and the idle node has collected its garbage. */
const IDLE_MS = 6_000

/** Resident memory of a node all of whose feeds were used, `uses` times in all, and have passivated. */
async function residentAfterUse(path: string, uses: number): Promise<number> {
  const node = await startNode(path, { DUNBAR_PASSIVATE_AFTER_MS: String(PASSIVATE_AFTER_MS) })
  const client = await connect({ path })
  const ids: FeedId[] = []
  for await (const { id } of client.feeds.list()) ids.push(id)
  for (let use = 0; use < uses; use++) await client.feeds.status(ids[use % ids.length]!)
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS))
  const resident = node.residentBytes()
  await client.close()
  await node.stop()
  return resident
}

/**
 * The same number of messages in few and in many feeds, asked equally often: what a passivated feed
 * adds. With fewer questions to the few, what answering leaves in the allocator would count as well.
 */
export async function memoryFigures(
  few: Dataset,
  many: Dataset,
  folder: string,
): Promise<Figure[]> {
  const fewPath = join(folder, 'few')
  const manyPath = join(folder, 'many')
  await runJson('import', few.file, '--path', fewPath)
  await runJson('import', many.file, '--path', manyPath)
  const bytes: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const difference =
      (await residentAfterUse(manyPath, many.feeds)) - (await residentAfterUse(fewPath, many.feeds))
    bytes.push(difference / (many.feeds - few.feeds))
  }
  return [{ name: 'a passivated feed', unit: 'bytes', samples: bytes, goal: { most: 2048 } }]
}
