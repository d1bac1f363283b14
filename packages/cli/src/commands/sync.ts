import { Mistake, printable } from '../mistake.js'
import { createProgress } from '../progress.js'
import { type CommandContext, withClient } from '../session.js'
import { grouped } from '../table.js'

export interface SyncOptions {
  readonly from: string
  readonly all?: boolean
}

/** Fetches from one peer all that it has of the wanted feeds, shows how far it is, and ends. */
export async function sync(context: CommandContext, options: SyncOptions): Promise<number> {
  const { from, all = false } = options
  const { parseAddress } = await import('@dunbar/node')
  if (parseAddress(from) === null) {
    throw new Mistake(
      `${printable(from)} is not the address of a peer, such as net:HOST:8008~shs:…=`,
    )
  }
  return withClient(context, { mayCreate: true }, async (client) => {
    const progress = await createProgress('sync')
    try {
      for await (const item of client.node.sync({ from, all })) {
        if (item.event === 'feed') {
          if (context.isJson) await context.output.json(item)
          continue
        }
        if (item.event === 'progress') {
          const { feeds, totalFeeds, messages, totalMessages } = item
          const note = `${grouped(messages)} messages, ${grouped(feeds)} of ${grouped(totalFeeds)} feeds`
          progress.update(messages, totalMessages, note)
          continue
        }
        progress.end()
        if (context.isJson) {
          await context.output.json(item)
          return 0
        }
        const { messages, feeds, refused, seconds } = item
        await context.output.line(
          `${grouped(messages)} messages of ${grouped(feeds)} ${feeds === 1 ? 'feed' : 'feeds'} came, ${seconds.toFixed(1)} s`,
        )
        for (const { reason, count, example } of refused) {
          await context.notes.line(`${grouped(count)} refused: ${reason}, such as ${example}`)
        }
        return 0
      }
    } finally {
      progress.end()
    }
    throw new Mistake('the node ended the exchange without a result')
  })
}
