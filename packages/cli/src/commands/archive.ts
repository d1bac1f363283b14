import { Mistake } from '../mistake.js'
import { type CommandContext, withClient } from '../session.js'
import { grouped, humanBytes, printTable } from '../table.js'
import { resultOf } from './long-work.js'

export interface ArchiveOptions {
  readonly feed?: string
  readonly all?: boolean
}

/**
 * Packs the oldest messages of feeds into blocks, or takes them out again. Exit code 1 where a feed
 * could not be.
 */
export async function archive(
  context: CommandContext,
  word: 'archive' | 'unarchive',
  { feed, all = false }: ArchiveOptions,
): Promise<number> {
  if ((feed !== undefined) === all) throw new Mistake('give either --feed ID or --all')
  if (feed !== undefined) {
    const { isFeedId } = await import('@dunbar/core')
    if (!isFeedId(feed)) throw new Mistake(`${feed} is not a feed id, such as @….ed25519`)
  }
  return withClient(context, {}, async (client) => {
    const { output, isJson } = context
    const options = feed === undefined ? {} : { feed }
    const result = await resultOf(word, client.node[word](options))
    const { feeds, messages, bytesBefore, bytesAfter, failed, seconds } = result
    if (isJson) await output.json(result)
    else {
      await output.line(
        `${grouped(messages)} messages of ${grouped(feeds)} feeds ${word === 'archive' ? 'packed' : 'unpacked'}: ${humanBytes(bytesBefore)} before, ${humanBytes(bytesAfter)} after, ${seconds.toFixed(1)} s`,
      )
      if (failed.length > 0) {
        await printTable(
          output,
          [{ title: 'as it was' }, { title: 'reason' }],
          failed.map(({ feed, reason }) => [feed, reason]),
        )
      }
    }
    return failed.length === 0 ? 0 : 1
  })
}
