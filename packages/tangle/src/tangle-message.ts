import { type FeedId, isMessageKey, type MessageKey } from '@dunbar/core'

/**
 * What ordering needs to know of a message. For a v2 tangle, `root` and `branch` are
 * `content.tangles[name].root` and `.previous`, and `fork` is null.
 */
export interface TangleMessage {
  readonly key: MessageKey
  readonly author: FeedId
  /** Claimed by the author, ms. */
  readonly timestamp: number
  readonly root: MessageKey | null
  /** Root of the thread that a sub-thread was forked from; `root` then names the reply it began at. */
  readonly fork: MessageKey | null
  /** The messages that the author saw as newest. Order and duplicates don't matter. */
  readonly branch: readonly MessageKey[]
  /** True where the content was decrypted. */
  readonly isPrivate: boolean
}

export type TangleFields = Pick<TangleMessage, 'root' | 'fork' | 'branch'>

/**
 * Reads the tangle fields of a message content, which may be anything. Without a name: `root`,
 * `fork` and `branch` of threads; with one: `tangles[name]`. A single id is taken for a list of one;
 * what is no message key is left out, so a content without links has root null and an empty branch.
 */
export function readTangleFields(content: unknown, name?: string): TangleFields {
  if (name === undefined) {
    const fields = recordOf(content)
    return {
      root: keyOf(fields.root),
      fork: keyOf(fields.fork),
      branch: keysOf(fields.branch),
    }
  }
  const tangles = recordOf(recordOf(content).tangles)
  const fields = recordOf(Object.hasOwn(tangles, name) ? tangles[name] : null)
  return { root: keyOf(fields.root), fork: null, branch: keysOf(fields.previous) }
}

/** The thread that a message is shown in: where its sub-thread was forked from, else its root, else itself. */
export function threadRootOf(message: Pick<TangleMessage, 'key' | 'root' | 'fork'>): MessageKey {
  return message.fork ?? message.root ?? message.key
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function keyOf(value: unknown): MessageKey | null {
  return isMessageKey(value) ? value : null
}

function keysOf(value: unknown): MessageKey[] {
  if (Array.isArray(value)) return value.filter(isMessageKey)
  return isMessageKey(value) ? [value] : []
}
