import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { packBlock } from '@dunbar/archive'
import type { ArchiveDone } from '@dunbar/client'
import type { Bench, Workload } from '../bench.js'
import { cpuMsOf, flatten, type Packed, packed } from './packed.js'

/** `dunbar archive` and `dunbar unarchive` of all feeds, which must leave every byte of an export as it was. */
export const archiving: Workload = {
  name: 'archive',
  title: 'all messages into blocks and out of them again',
  isShort: true,
  async run(bench) {
    const { isFull, partMessages, file } = bench.settings
    const isWhole = isFull || file !== null
    const dataset = await bench.dataset(isWhole ? undefined : { messages: partMessages })
    const path = await bench.copyOf(dataset)
    const alone = await packed(dataset.file, dataset.messages)
    const limits = { packing: [] as number[], unpacking: [] as number[] }
    const exported = await exportDigest(bench, path)
    const archives: ArchiveDone[] = []
    const unarchives: ArchiveDone[] = []
    for (let round = 1; round <= bench.settings.samples; round++) {
      bench.progress.say(`round ${round}`)
      limits.packing.push(packingRate(alone))
      limits.unpacking.push(unpackingRate(alone))
      archives.push(await bench.dunbar.run('archive', '--all', '--path', path))
      if (round === 1) await assertExport(bench, path, exported)
      unarchives.push(await bench.dunbar.run('unarchive', '--all', '--path', path))
      if (unarchives.at(-1)!.messages !== archives.at(-1)!.messages) {
        throw new Error('as many messages did not come out of blocks as went into them')
      }
    }
    await assertExport(bench, path, exported)
    const common = { size: dataset, better: 'more' } as const
    bench.record({
      ...common,
      id: 'archive.rate',
      title: 'archive',
      unit: 'messages/s',
      samples: archives.map(rateOf),
      limit: { what: 'packing alone on all cores', samples: limits.packing },
    })
    bench.record({
      ...common,
      id: 'archive.disk',
      title: 'logs and blocks on the disk after an archive',
      unit: 'bytes/message',
      better: 'less',
      samples: archives.map(({ bytesAfter }) => bytesAfter / dataset.messages),
      limit: {
        what: 'before',
        samples: archives.map(({ bytesBefore }) => bytesBefore / dataset.messages),
      },
    })
    bench.record({
      ...common,
      id: 'archive.unpack',
      title: 'unarchive',
      unit: 'messages/s',
      samples: unarchives.map(rateOf),
      limit: { what: 'unpacking alone on all cores', samples: limits.unpacking },
    })
  },
}

/** Messages a second on all cores, had each as much to do: blocks are written, read back and compared. */
function packingRate({ feeds, messages, ref }: Packed): number {
  const ms = cpuMsOf(() => {
    for (const flat of flatten(feeds).flats) packBlock(flat, ref, { messageHashes: true })
  })
  return (1000 * messages.length * availableParallelism()) / ms
}

/** The same for the texts of all messages out of their blocks. */
function unpackingRate({ messages, shared, open }: Packed): number {
  let bytes = 0
  const ms = cpuMsOf(() => {
    for (const block of shared.map(open)) {
      for (let place = 0; place < block.length; place++) bytes += block.json(place).length
    }
  })
  if (bytes === 0) throw new Error('no texts came out of blocks')
  return (1000 * messages.length * availableParallelism()) / ms
}

const rateOf = ({ messages, seconds, failed }: ArchiveDone): number => {
  if (failed.length > 0) throw new Error(`${failed[0]!.feed} is as it was: ${failed[0]!.reason}`)
  return messages / seconds
}

async function assertExport(bench: Bench, path: string, digest: string): Promise<void> {
  if ((await exportDigest(bench, path)) === digest) return
  throw new Error('an export is not what it was before the archive')
}

async function exportDigest(bench: Bench, path: string): Promise<string> {
  const node = await bench.dunbar.start(path)
  try {
    const hash = createHash('sha256')
    for await (const piece of node.client.node.export()) hash.update(piece)
    return hash.digest('hex')
  } finally {
    await node.stop()
  }
}
