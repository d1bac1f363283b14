import { type CommandContext, withClient } from '../session.js'

/** Has the node publish again, on the word of its user that no newer own message is anywhere. */
export async function unlock(context: CommandContext): Promise<number> {
  return withClient(context, {}, async (client) => {
    const { sequence } = await client.node.unlock()
    if (context.isJson) await context.output.json({ sequence })
    else await context.output.line(`unlocked; the next message will be number ${sequence + 1}`)
    return 0
  })
}
