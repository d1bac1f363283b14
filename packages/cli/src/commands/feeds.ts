import { type CommandContext, withClient } from '../session.js'
import { grouped, humanBytes, printTable } from '../table.js'

/** Lists the feeds that the node holds. */
export async function listFeeds(context: CommandContext): Promise<number> {
  return withClient(context, {}, async (client) => {
    const rows: string[][] = []
    for await (const feed of client.feeds.list()) {
      const { id, sequence, messages, bytes, state, forked } = feed
      if (context.isJson) {
        await context.output.json({ id, sequence, messages, bytes, state, forked })
      } else {
        rows.push([
          id,
          grouped(sequence),
          grouped(messages),
          humanBytes(bytes),
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
        { title: 'state' },
        { title: 'fork' },
      ]
      await printTable(context.output, columns, rows)
    }
    return 0
  })
}
