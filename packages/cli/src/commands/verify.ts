import { type CommandContext, withClient } from '../session.js'
import { grouped, printTable } from '../table.js'
import { resultOf } from './long-work.js'

/** Checks every stored message again. Exit code 1 where any is damaged. */
export async function verify(context: CommandContext): Promise<number> {
  return withClient(context, {}, async (client) => {
    const { output, isJson } = context
    const result = await resultOf('verify', client.node.verify())
    const { messages, feeds, damaged, seconds } = result
    if (isJson) await output.json(result)
    else {
      await output.line(
        `${grouped(messages)} messages in ${grouped(feeds)} feeds checked: ${damaged.length === 0 ? 'all whole' : `${grouped(damaged.length)} damaged`}, ${seconds.toFixed(1)} s`,
      )
      if (damaged.length > 0) {
        await printTable(
          output,
          [{ title: 'feed' }, { title: 'sequence', isNumber: true }, { title: 'reason' }],
          damaged.map(({ feed, sequence, reason }) => [feed, grouped(sequence), reason]),
        )
      }
    }
    return damaged.length === 0 ? 0 : 1
  })
}
