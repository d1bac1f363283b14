import { type CommandContext, withClient } from '../session.js'

/** Connects the running node to a peer and has it remember the address. */
export async function connectPeer(context: CommandContext, address: string): Promise<number> {
  return withClient(context, { mustRun: true }, async (client) => {
    const peer = await client.conn.connect(address)
    await client.conn.remember(address)
    if (context.isJson) await context.output.json(peer)
    else await context.output.line(`connected to ${peer.id}`)
    return 0
  })
}
