import { isFeedId, toSigil } from '@dunbar/core'
import { Mistake } from '../mistake.js'
import { type CommandContext, withClient } from '../session.js'

/** What can be said of another feed. */
export type ContactWord = 'follow' | 'unfollow' | 'block' | 'unblock'

const CONTENT: Readonly<Record<ContactWord, object>> = {
  follow: { following: true, blocking: false },
  unfollow: { following: false },
  block: { following: false, blocking: true },
  unblock: { blocking: false },
}

const DONE: Readonly<Record<ContactWord, string>> = {
  follow: 'following',
  unfollow: 'not following',
  block: 'blocking',
  unblock: 'not blocking',
}

/** Publishes what the own feed says of another one, which takes effect at once. */
export async function contact(
  context: CommandContext,
  word: ContactWord,
  id: string,
): Promise<number> {
  const feed = toSigil(id)
  if (!isFeedId(feed)) {
    throw new Mistake(`${word} needs the id of a feed, such as @….ed25519`)
  }
  return withClient(context, { mayCreate: true }, async (client) => {
    const message = await client.publish({ type: 'contact', contact: feed, ...CONTENT[word] })
    if (context.isJson) await context.output.json(message)
    else await context.output.line(`${DONE[word]} ${feed}`)
    return 0
  })
}
