import { type CommandContext, withClient } from '../session.js'
import { printTable } from '../table.js'

/** Lists the peers that the running node is connected to or is about to be. */
export async function listPeers(context: CommandContext): Promise<number> {
  return withClient(context, { mustRun: true }, async (client) => {
    const peers = await client.conn.peers()
    if (context.isJson) {
      for (const peer of peers) await context.output.json(peer)
      return 0
    }
    if (peers.length === 0) {
      await context.notes.line(
        'no peers: "dunbar connect ADDRESS" or an invite finds the first one',
      )
      return 0
    }
    const names = await client.feeds.names(peers.map(({ id }) => id))
    await printTable(
      context.output,
      [{ title: 'peer' }, { title: 'name' }, { title: 'state' }, { title: 'address' }],
      peers.map(({ id, state, address }) => [id, names.get(id) ?? '', state, address]),
    )
    return 0
  })
}
