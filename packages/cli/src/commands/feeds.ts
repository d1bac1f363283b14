import type { SealedMessages } from '@dunbar/client'
import { type CommandContext, withClient } from '../session.js'
import { grouped, humanBytes, printTable } from '../table.js'

/** Columns about feeds that lie in blocks in part. */
const PACKED: ReadonlySet<string> = new Set(['packed', 'unpacked size'])

/** What would be on the disk without blocks. */
export const bytesUnpacked = (bytes: number, { bytes: packed, logBytes }: SealedMessages): number =>
  bytes - packed + logBytes

/** Lists the feeds that the node holds. */
export async function listFeeds(context: CommandContext): Promise<number> {
  return withClient(context, {}, async (client) => {
    const rows: string[][] = []
    let isAnySealed = false
    for await (const feed of client.feeds.list()) {
      const { id, sequence, messages, bytes, sealed, state, forked } = feed
      if (context.isJson) {
        const parts = sealed === undefined ? {} : { sealed }
        await context.output.json({ id, sequence, messages, bytes, ...parts, state, forked })
      } else {
        isAnySealed ||= sealed !== undefined
        rows.push([
          id,
          grouped(sequence),
          grouped(messages),
          humanBytes(bytes),
          sealed === undefined ? '' : grouped(sealed.messages),
          sealed === undefined ? '' : humanBytes(bytesUnpacked(bytes, sealed)),
          state,
          forked ? 'forked' : '',
        ])
      }
    }
    if (context.isJson) return 0
    if (rows.length === 0) await context.notes.line('no feeds yet')
    else {
      const columns = [
        { title: 'feed' },
        { title: 'sequence', isNumber: true },
        { title: 'messages', isNumber: true },
        { title: 'size', isNumber: true },
        { title: 'packed', isNumber: true },
        { title: 'unpacked size', isNumber: true },
        { title: 'state' },
        { title: 'fork' },
      ]
      // Columns that would be empty are left out.
      const isShown = ({ title }: { title: string }) => isAnySealed || !PACKED.has(title)
      const shown = columns.map(isShown)
      await printTable(
        context.output,
        columns.filter(isShown),
        rows.map((row) => row.filter((_, place) => shown[place])),
      )
    }
    return 0
  })
}
