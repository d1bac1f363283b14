import { Mistake } from '../mistake.js'
import { type CommandContext, withClient } from '../session.js'

export interface CreateInviteOptions {
  readonly uses?: string
  readonly note?: string
  readonly host?: string
}

/** Makes an invite code of the running node. */
export async function createInvite(
  context: CommandContext,
  options: CreateInviteOptions,
): Promise<number> {
  const uses = Number(options.uses ?? 1)
  if (!Number.isInteger(uses) || uses < 1) throw new Mistake('--uses needs a whole number from 1')
  const { note, host } = options
  return withClient(context, { mustRun: true }, async (client) => {
    const code = await client.invite
      .create({
        uses,
        ...(note === undefined ? {} : { note }),
        ...(host === undefined ? {} : { external: host }),
      })
      .catch((error: { data?: { code?: unknown } }) => {
        if (error.data?.code !== 'INVITE_NO_ADDRESS') throw error
        throw new Mistake(
          'the node knows no public address of its own: name one with --host, or as network.external in its config.json',
        )
      })
    if (context.isJson) await context.output.json({ invite: code, uses })
    else await context.output.line(code)
    return 0
  })
}

/** Uses an invite: the pub follows this node, this node follows the pub. */
export async function acceptInvite(context: CommandContext, code: string): Promise<number> {
  const { parseInvite } = await import('@dunbar/node')
  if (parseInvite(code) === null) {
    throw new Mistake('that is no invite code: expected host:port:@key~seed')
  }
  return withClient(context, { mayCreate: true }, async (client) => {
    const { pub } = await client.invite.accept(code)
    if (context.isJson) await context.output.json({ pub })
    else await context.output.line(`accepted; following ${pub}`)
    return 0
  })
}
