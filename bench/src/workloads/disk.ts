import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Workload } from '../bench.js'
import { datasetsOf, fewAndMany, severalInTurn } from '../rounds.js'

/** Bytes of a block as `stat` counts them. */
const BLOCK_BYTES = 512

/** What lies on the disk after an import, all of the folder: indexes and the space that files waste too. */
export const disk: Workload = {
  name: 'disk',
  title: 'bytes on the disk, of a message and of a feed',
  isShort: false,
  async run(bench) {
    for (const { dataset, isPaired } of await datasetsOf(bench)) {
      const { allocated, written } = await severalInTurn(
        bench,
        isPaired,
        async (subject) => perMessage(await bench.loaded(dataset, subject), dataset.messages),
        1,
      )
      const json = { what: 'compact JSON', samples: [dataset.facts.meanSizeBytes] }
      const shared = { unit: 'bytes', better: 'less', size: dataset, limit: json } as const
      bench.record({
        ...shared,
        ...allocated,
        id: 'disk.message.allocated',
        title: 'a message on the disk, in blocks of the disk',
      })
      bench.record({
        ...shared,
        ...written,
        id: 'disk.message.written',
        title: 'a message on the disk, in bytes of files',
      })
    }
    const { few, many } = await fewAndMany(bench)
    const fewBytes = sizeOf(await bench.loaded(few))
    const manyBytes = sizeOf(await bench.loaded(many))
    // Both have as many messages, but not of the same length.
    const jsonBytes = many.facts.sizeBytes - few.facts.sizeBytes
    const perFeed = (difference: number) => (difference - jsonBytes) / (many.feeds - few.feeds)
    bench.record({
      id: 'disk.feed.allocated',
      title: 'a feed more on the disk, with as many messages in all',
      unit: 'bytes',
      better: 'less',
      size: many,
      samples: [perFeed(manyBytes.allocated - fewBytes.allocated)],
    })
  },
}

function perMessage(path: string, messages: number) {
  const { allocated, written } = sizeOf(path)
  return { allocated: allocated / messages, written: written / messages }
}

/** As `du` counts: folders take blocks too. */
function sizeOf(path: string): { readonly allocated: number; readonly written: number } {
  const stat = lstatSync(path)
  let allocated = stat.blocks * BLOCK_BYTES
  if (!stat.isDirectory()) return { allocated, written: stat.size }
  let written = 0
  for (const name of readdirSync(path)) {
    const entry = sizeOf(join(path, name))
    allocated += entry.allocated
    written += entry.written
  }
  return { allocated, written }
}
