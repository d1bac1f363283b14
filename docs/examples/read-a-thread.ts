/**
 * A small app: begins a thread, answers it, prints it, and follows it until a second answer has
 * come in live. Needs a running node (`dunbar start`).
 *
 * From this repository: `npx tsc -b && node --experimental-strip-types docs/examples/read-a-thread.ts`
 * (Node 22.6 or newer; newer ones need no flag).
 */
import { pathToFileURL } from 'node:url'
import { type Client, connect, type Message } from '@dunbar/client'

interface Post {
  readonly type: 'post'
  readonly text: string
}

/** Content of other authors can be anything: look before you use it. */
function textOf({ value: { content } }: Message): string {
  const isPost = typeof content === 'object' && content !== null && 'text' in content
  return isPost && typeof content.text === 'string' ? content.text : '(no text)'
}

/** Answers the newest messages of a thread. */
async function reply(client: Client, root: string, text: string): Promise<Message<Post>> {
  const branch = await client.tangle.branch(root)
  return client.publish({ type: 'post', text, root, branch })
}

/**
 * Runs the app on the node whose data folder is `path`.
 * @param print gets each line
 */
export async function readAThread(
  path: string | undefined,
  print: (line: string) => void,
): Promise<void> {
  const client = await connect(path === undefined ? {} : { path })
  try {
    const { id } = await client.whoami()
    print(`I am ${id}`)

    const root = await client.publish<Post>({ type: 'post', text: 'Is anybody here?' })
    await reply(client, root.key, 'I am.')

    print('The thread so far:')
    for await (const message of client.tangle.read({ root: root.key })) {
      print(`  ${textOf(message)}`)
    }

    print('What comes in:')
    for await (const item of client.tangle.read({ root: root.key, live: true, old: true })) {
      if ('sync' in item) {
        // Everything stored has been given; from here on messages arrive as they are written.
        await reply(client, root.key, 'And another one.')
      } else if (textOf(item) === 'And another one.') {
        print(`  ${textOf(item)}`)
        break // Ends the stream at the node, too.
      }
    }
  } finally {
    await client.close()
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await readAThread(process.argv[2], console.log)
}
