import { type CommandContext, withClient } from '../session.js'
import { printTable } from '../table.js'

/** Lists how far other feeds are, in follows: 1 is followed, 2 is followed by those. */
export async function listHops(context: CommandContext): Promise<number> {
  return withClient(context, {}, async (client) => {
    const hops = Object.entries(await client.friends.hops())
    const nearest = hops.sort(([a, near], [b, far]) => near - far || (a < b ? -1 : 1))
    if (context.isJson) {
      for (const [id, distance] of nearest) await context.output.json({ id, hops: distance })
      return 0
    }
    const names = await client.feeds.names(nearest.map(([id]) => id))
    await printTable(
      context.output,
      [{ title: 'feed' }, { title: 'name' }, { title: 'hops', isNumber: true }],
      nearest.map(([id, distance]) => [id, names.get(id) ?? '', hopsText(distance)]),
    )
    return 0
  })
}

const hopsText = (distance: number): string => (distance === -1 ? 'blocked' : String(distance))
