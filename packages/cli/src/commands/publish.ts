import { methodArguments, parseMethodArguments } from '../method-arguments.js'
import { Mistake, printable } from '../mistake.js'
import { type CommandContext, withClient } from '../session.js'
import { messageKey } from './ids.js'

/** Options whose values are texts, whatever they look like. */
const TEXTS = new Set(['type', 'text', 'root', 'branch', 'channel', 'recps', 'name', 'description'])

/** @source PROTOCOL 1.4: 3 to 52 UTF-16 units */
const MIN_TYPE_LENGTH = 3
const MAX_TYPE_LENGTH = 52

/**
 * The content that the words ask for: an object from the options, or JSON given as one argument.
 * @throws {Mistake}
 */
export async function contentOf(
  words: readonly string[],
  input: AsyncIterable<Uint8Array | string>,
): Promise<Record<string, unknown>> {
  const args = await methodArguments(parseMethodArguments(words, TEXTS), input)
  const [content, ...more] = args
  if (
    more.length > 0 ||
    typeof content !== 'object' ||
    content === null ||
    Array.isArray(content)
  ) {
    throw new Mistake('publish needs the content as options, such as --type post --text "hello"')
  }
  const { type } = content as { type?: unknown }
  if (typeof type !== 'string' || type.length < MIN_TYPE_LENGTH || type.length > MAX_TYPE_LENGTH) {
    throw new Mistake(
      `publish needs a --type of ${MIN_TYPE_LENGTH} to ${MAX_TYPE_LENGTH} characters`,
    )
  }
  return content as Record<string, unknown>
}

/** Signs and appends a message to the node's own feed. */
export async function publish(
  context: CommandContext,
  words: readonly string[],
  input: AsyncIterable<Uint8Array | string> = process.stdin,
): Promise<number> {
  const content = await contentOf(words, input)
  if (content.type === 'post' && typeof content.text !== 'string') {
    throw new Mistake('a post needs a --text')
  }
  const { root, branch } = content
  if (root !== undefined) content.root = await messageKey(String(root))
  if (branch !== undefined && root === undefined) {
    throw new Mistake('--branch needs the --root of the thread')
  }
  if (branch !== undefined) {
    const branches = Array.isArray(branch) ? branch : [branch]
    const keys = await Promise.all(branches.map((key) => messageKey(printable(String(key)))))
    content.branch = keys.length === 1 ? keys[0] : keys
  }
  return withClient(context, { mayCreate: true }, async (client) => {
    if (content.root !== undefined && branch === undefined) {
      // An answer to a thread answers its newest messages.
      const heads = await client.tangle.branch(String(content.root))
      content.branch = heads.length > 1 ? heads : (heads[0] ?? content.root)
    }
    const message = await client.publish(content)
    if (context.isJson) await context.output.json(message)
    else await context.output.line(message.key)
    return 0
  })
}
