import { Mistake } from '../mistake.js'
import { createProgress } from '../progress.js'
import { type CommandContext, withClient } from '../session.js'
import { grouped, printTable } from '../table.js'

/** Checks every stored message again. Exit code 1 where any is damaged. */
export async function verify(context: CommandContext): Promise<number> {
  return withClient(context, {}, async (client) => {
    const progress = await createProgress('verify')
    try {
      for await (const item of client.node.verify()) {
        if (item.event === 'progress') {
          progress.update(item.feeds, item.totalFeeds, `${grouped(item.messages)} messages`)
          continue
        }
        progress.end()
        const { event, ...result } = item
        if (context.isJson) await context.output.json(result)
        else {
          const { messages, feeds, damaged, seconds } = result
          await context.output.line(
            `${grouped(messages)} messages in ${grouped(feeds)} feeds checked: ${damaged.length === 0 ? 'all whole' : `${grouped(damaged.length)} damaged`}, ${seconds.toFixed(1)} s`,
          )
          if (damaged.length > 0) {
            await printTable(
              context.output,
              [{ title: 'feed' }, { title: 'sequence', isNumber: true }, { title: 'reason' }],
              damaged.map(({ feed, sequence, reason }) => [feed, grouped(sequence), reason]),
            )
          }
        }
        return result.damaged.length === 0 ? 0 : 1
      }
    } finally {
      progress.end()
    }
    throw new Mistake('the node ended the check without a result')
  })
}
