import { type CommandContext, withClient } from '../session.js'
import { grouped, printTable } from '../table.js'
import { resultOf } from './long-work.js'

/** Deletes the derived state and folds it again from the stored messages. Exit code 1 where a feed could not be. */
export async function rebuild(context: CommandContext): Promise<number> {
  return withClient(context, {}, async (client) => {
    const { output, isJson } = context
    const result = await resultOf('rebuild', client.node.rebuild())
    const { feeds, messages, failed, seconds } = result
    if (isJson) await output.json(result)
    else {
      await output.line(
        `derived state of ${grouped(messages)} messages in ${grouped(feeds)} feeds folded again, ${seconds.toFixed(1)} s`,
      )
      if (failed.length > 0) {
        await printTable(
          output,
          [{ title: 'not folded' }, { title: 'reason' }],
          failed.map(({ feed, reason }) => [feed, reason]),
        )
      }
    }
    return failed.length === 0 ? 0 : 1
  })
}
