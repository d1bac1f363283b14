import type { Fork } from '@dunbar/client'
import { type CommandContext, withClient } from '../session.js'
import { grouped, printTable } from '../table.js'

export interface ForksOptions {
  readonly live?: boolean
}

const COLUMNS = [
  { title: 'feed' },
  { title: 'sequence', isNumber: true },
  { title: 'kept' },
  { title: 'refused' },
]

const cellsOf = ({ id, sequence, kept, refused }: Fork): string[] => [
  id,
  grouped(sequence),
  kept,
  refused,
]

/** Lists the forks of all feeds: as a table, new ones below it, or as JSON lines. */
export async function listForks(
  context: CommandContext,
  { live = false }: ForksOptions,
): Promise<number> {
  const { isJson, output, notes } = context
  return withClient(context, {}, async (client) => {
    const rows: string[][] = []
    const showRows = async () => {
      if (rows.length === 0) await notes.line('no forks yet')
      else await printTable(output, COLUMNS, rows)
    }
    let isShown = isJson
    for await (const item of client.feeds.forked({ live })) {
      if ('sync' in item) {
        if (!isShown) await showRows()
        isShown = true
      } else if (isJson) {
        const { id, sequence, kept, refused } = item
        await output.json({ id, sequence, kept, refused })
      } else if (isShown) {
        // All cells but the number have one width, so that the columns go on.
        const [id, sequence, kept, refused] = cellsOf(item)
        await output.line([id, sequence!.padStart('sequence'.length), kept, refused].join('  '))
      } else rows.push(cellsOf(item))
    }
    if (!isShown) await showRows()
    return 0
  })
}
