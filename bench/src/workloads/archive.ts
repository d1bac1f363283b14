import { createHash } from 'node:crypto'
import { cpSync } from 'node:fs'
import type { ArchiveDone } from '@dunbar/client'
import type { Bench, Workload } from '../bench.js'

/** `dunbar archive` and `dunbar unarchive` of all feeds, which must leave every byte of an export as it was. */
export const archiving: Workload = {
  name: 'archive',
  title: 'all messages into blocks and out of them again',
  isShort: true,
  async run(bench) {
    const { isFull, messages, pairedMessages } = bench.settings
    const dataset = await bench.dataset({ messages: isFull ? messages : pairedMessages })
    const path = bench.freshPath('archive')
    cpSync(await bench.loaded(dataset), path, { recursive: true })
    const exported = await exportDigest(bench, path)
    const packed: ArchiveDone[] = []
    const unpacked: ArchiveDone[] = []
    for (let round = 1; round <= bench.settings.samples; round++) {
      bench.progress.say(`round ${round}`)
      packed.push(await bench.dunbar.run('archive', '--all', '--path', path))
      if (round === 1) await assertExport(bench, path, exported)
      unpacked.push(await bench.dunbar.run('unarchive', '--all', '--path', path))
      if (unpacked.at(-1)!.messages !== packed.at(-1)!.messages) {
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
      samples: packed.map(rateOf),
    })
    bench.record({
      ...common,
      id: 'archive.disk',
      title: 'logs and blocks on the disk after an archive',
      unit: 'bytes',
      better: 'less',
      samples: packed.map(({ bytesAfter }) => bytesAfter),
      limit: { what: 'before', samples: packed.map(({ bytesBefore }) => bytesBefore) },
    })
    bench.record({
      ...common,
      id: 'archive.unpack',
      title: 'unarchive',
      unit: 'messages/s',
      samples: unpacked.map(rateOf),
    })
  },
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
