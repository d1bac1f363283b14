import type { Client } from '@dunbar/client'
import { Mistake } from '../mistake.js'
import type { Output } from '../output.js'
import { type CommandContext, withClient } from '../session.js'
import {
  drawThread,
  headLine,
  localTime,
  shortId,
  summary,
  type ThreadMessage,
  type ThreadNaming,
} from '../thread-tree.js'
import { messageKey } from './ids.js'

export interface TangleOptions {
  readonly live?: boolean
}

/** Names asked for at once. */
const NAMES_A_CALL = 500

class Names implements ThreadNaming {
  readonly timeOf = localTime
  readonly #client: Client
  readonly #names = new Map<string, string>()

  constructor(client: Client) {
    this.#client = client
  }

  nameOf = (id: string): string => this.#names.get(id) || shortId(id)

  async learn(messages: readonly ThreadMessage[]): Promise<void> {
    const unknown = [...new Set(messages.map(({ value }) => value.author))].filter(
      (id) => !this.#names.has(id),
    )
    for (let at = 0; at < unknown.length; at += NAMES_A_CALL) {
      const ids = unknown.slice(at, at + NAMES_A_CALL)
      const names = await this.#client.feeds.names(ids)
      for (const id of ids) this.#names.set(id, names.get(id) ?? '')
    }
  }
}

async function draw(output: Output, names: Names, messages: ThreadMessage[]): Promise<void> {
  await names.learn(messages)
  for (const line of drawThread(messages, names)) await output.line(line)
}

/** Shows a thread: drawn as a tree, or as JSON lines in causal order. */
export async function readTangle(
  context: CommandContext,
  given: string,
  { live = false }: TangleOptions,
): Promise<number> {
  const root = await messageKey(given)
  const { isJson, output } = context
  return withClient(context, {}, async (client) => {
    const names = new Names(client)
    const messages: ThreadMessage[] = []
    let messageCount = 0
    let isDrawn = false
    for await (const item of client.tangle.read({ root, live })) {
      if ('sync' in item) {
        if (!isJson) await draw(output, names, messages)
        isDrawn = true
        continue
      }
      messageCount++
      if (isJson) await output.json(item)
      else if (isDrawn) {
        await names.learn([item])
        await output.line(headLine(item, names))
        await output.line(`  ${summary(item.value.content)}`)
      } else messages.push(item)
    }
    if (messageCount === 0) throw new Mistake(`no message of the thread ${root} is here`)
    if (!isJson && !isDrawn) await draw(output, names, messages)
    return 0
  })
}
