import type { Workload } from '../bench.js'
import { exactLimit } from '../figure.js'
import { allocatedBytes, writtenBytes } from '../folder-size.js'
import { datasetsOf, fewAndMany, severalInTurn } from '../rounds.js'

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
        async (subject, round) => {
          const path = (await bench.loadedEach(dataset, subject))[round - 1]!
          return {
            allocated: allocatedBytes(path) / dataset.messages,
            written: writtenBytes(path) / dataset.messages,
          }
        },
      )
      const json = exactLimit('compact JSON', dataset.facts.meanSizeBytes)
      const shared = { unit: 'bytes/message', better: 'less', size: dataset, limit: json } as const
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
    const fewBytes = (await bench.loadedEach(few)).map(allocatedBytes)
    const manyBytes = (await bench.loadedEach(many)).map(allocatedBytes)
    // Both have as many messages, but not of the same length.
    const jsonBytes = many.facts.sizeBytes - few.facts.sizeBytes
    bench.record({
      id: 'disk.feed.allocated',
      title: 'a feed more on the disk, with as many messages in all',
      unit: 'bytes',
      better: 'less',
      size: many,
      samples: manyBytes.map(
        (bytes, round) => (bytes - fewBytes[round]! - jsonBytes) / (many.feeds - few.feeds),
      ),
      limit: await bench.beside('feed.file'),
    })
  },
}
