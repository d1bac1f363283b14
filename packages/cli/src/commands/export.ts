import { Mistake } from '../mistake.js'
import { type CommandContext, withClient } from '../session.js'

export interface ExportOptions {
  readonly feed?: string
}

/** Writes stored messages as JSON lines, each exactly as it was signed: the bytes are not parsed. */
export async function exportMessages(
  context: CommandContext,
  options: ExportOptions,
): Promise<number> {
  const { feed } = options
  if (feed !== undefined) {
    const { isFeedId } = await import('@dunbar/core')
    if (!isFeedId(feed)) throw new Mistake(`${feed} is not a feed id, such as @….ed25519`)
  }
  return withClient(context, {}, async (client) => {
    const pieces = client.node.export(feed === undefined ? {} : { feed })
    for await (const piece of pieces) await context.output.write(piece)
    return 0
  })
}
