import { type CommandContext, withClient } from '../session.js'
import { messageKey } from './ids.js'

/** Prints one message. */
export async function getMessage(context: CommandContext, given: string): Promise<number> {
  const id = await messageKey(given)
  return withClient(context, {}, async (client) => {
    const message = await client.get(id, { meta: true })
    await context.output.line(
      context.isJson ? JSON.stringify(message) : JSON.stringify(message, null, 2),
    )
    return 0
  })
}
