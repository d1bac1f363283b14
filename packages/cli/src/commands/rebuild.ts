import { Mistake } from '../mistake.js'
import { createProgress } from '../progress.js'
import { type CommandContext, withClient } from '../session.js'
import { grouped } from '../table.js'

/** Deletes the derived state and folds it again from the stored messages. */
export async function rebuild(context: CommandContext): Promise<number> {
  return withClient(context, {}, async (client) => {
    const progress = await createProgress('rebuild')
    try {
      for await (const item of client.node.rebuild()) {
        if (item.event === 'progress') {
          progress.update(item.feeds, item.totalFeeds, `${grouped(item.messages)} messages`)
          continue
        }
        progress.end()
        const { event, ...result } = item
        if (context.isJson) await context.output.json(result)
        else {
          await context.output.line(
            `derived state of ${grouped(result.messages)} messages in ${grouped(result.feeds)} feeds folded again, ${result.seconds.toFixed(1)} s`,
          )
        }
        return 0
      }
    } finally {
      progress.end()
    }
    throw new Mistake('the node ended the rebuild without a result')
  })
}
