import { resolve } from 'node:path'
import { Mistake } from '../mistake.js'
import { FeedGroups } from '../packing/feed-groups.js'
import { createPackFolder, finishPackFolder } from '../packing/pack-folder.js'
import { numberGroups, type PackReport, packGroups } from '../packing/packer.js'
import { createProgress } from '../progress.js'
import type { CommandContext } from '../session.js'
import { grouped, humanBytes, printTable } from '../table.js'
import { refuseUnreadable } from './import.js'

const PART_NAMES: Readonly<Record<keyof PackReport['parts'], string>> = {
  signatures: 'signatures',
  ids: 'distinct ids',
  ciphertext: 'ciphertext, hexadecimal',
  text: 'text',
  values: 'kinds, numbers, lengths',
  timestamps: 'timestamps',
  types: 'types',
  shapes: 'shapes',
  messageHashes: 'message ids',
  frame: 'tables of the blocks',
}

/** Packs the messages of a file into blocks, without a node, and says what they take. */
export async function packFile(
  context: CommandContext,
  file: string,
  folder: string,
): Promise<number> {
  const path = resolve(file)
  const target = resolve(folder)
  await refuseUnreadable(path, 'pack')
  const { openSource } = await import('@dunbar/import')
  const source = await openSource(path)
  const blobs = await createPackFolder(target)
  const begin = performance.now()
  const progress = await createProgress('pack')
  const groups = new FeedGroups()
  const report = await (async () => {
    try {
      const half = (done: number, from: number) => from + done / 2
      const { totalBytes } = source
      const dictionary = await numberGroups(new FeedGroups().of(source), (done, count) =>
        progress.update(half(done, 0), totalBytes, `${grouped(count)} messages read`),
      )
      return await packGroups(groups.of(source), dictionary, blobs, (done, count) =>
        progress.update(
          half(done, totalBytes / 2),
          totalBytes,
          `${grouped(count)} messages packed`,
        ),
      )
    } finally {
      progress.end()
    }
  })()
  if (report === null) throw new Mistake(`nothing in ${path} is a message that could be packed`)
  await finishPackFolder(target, report.bundle)
  const { leftOut } = groups
  const seconds = (performance.now() - begin) / 1000
  const result = { ...report, feeds: groups.feedCount, leftOut, seconds }
  if (context.isJson) await context.output.json(result)
  else await printReport(context, result)
  return leftOut.some(({ reason }) => reason !== 'KNOWN') ? 1 : 0
}

type Result = PackReport & Pick<FeedGroups, 'leftOut'> & { feeds: number; seconds: number }

async function printReport({ output }: CommandContext, result: Result): Promise<void> {
  const { messages, feeds, blocks, sizeBytes, jsonBytes, gzipBytes, brotliBytes } = result
  const row = (name: string, size: number) => [
    name,
    grouped(size),
    (size / messages).toFixed(1),
    `${((100 * size) / jsonBytes).toFixed(1)} %`,
  ]
  const parts = Object.entries(PART_NAMES).map(([part, name]) =>
    row(name, result.parts[part as keyof PackReport['parts']]),
  )
  await printTable(
    output,
    [
      { title: '' },
      { title: 'bytes', isNumber: true },
      { title: 'a message', isNumber: true },
      { title: 'of JSON', isNumber: true },
    ],
    [
      ...parts.filter(([, size]) => size !== '0'),
      row('dictionary', result.dictionaryBytes),
      row('bundles', result.bundleBytes),
      row('all together', sizeBytes),
      row('brotli 5 of the JSON', brotliBytes),
      row('gzip 6 of the JSON', gzipBytes),
      row('JSON lines', jsonBytes),
    ],
  )
  await output.line()
  await output.line(
    `${grouped(messages)} messages of ${grouped(feeds)} feeds in ${grouped(blocks)} blocks, ${humanBytes(sizeBytes)}, ${result.seconds.toFixed(1)} s`,
  )
  await output.line(`bundle ${result.bundle}`)
  for (const { reason, count, example } of result.leftOut) {
    await output.line(`${grouped(count)} left out: ${reason}, such as ${example}`)
  }
}
