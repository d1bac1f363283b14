import { Mistake } from '../mistake.js'
import { type CommandContext, withClient } from '../session.js'
import { grouped } from '../table.js'

export interface ExportOptions {
  readonly feed?: string
}

/**
 * Writes stored messages as JSON lines, each exactly as it was signed: the bytes are not parsed.
 * People are told of damaged feeds, which may lack messages.
 */
export async function exportMessages(
  context: CommandContext,
  options: ExportOptions,
): Promise<number> {
  const { feed } = options
  if (feed !== undefined) {
    const { isFeedId } = await import('@dunbar/core')
    if (!isFeedId(feed)) throw new Mistake(`${feed} is not a feed id, such as @….ed25519`)
  }
  const { output, notes } = context
  return withClient(context, {}, async (client) => {
    const pieces = client.node.export(feed === undefined ? {} : { feed })
    for await (const piece of pieces) await output.write(piece)
    // Asked for afterwards, as reading may have found more.
    const { damaged, quarantined } = await client.status()
    const faulty = [...damaged, ...quarantined].filter((id) => feed === undefined || id === feed)
    if (faulty.length > 0) {
      const text = faulty.length === 1 ? `${faulty[0]} is` : `${grouped(faulty.length)} feeds are`
      await notes.line(
        `dunbar: ${text} damaged; messages that can't be read are left out, "dunbar verify" lists them`,
      )
    }
    return 0
  })
}
