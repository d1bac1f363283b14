/**
 * The newest messages of a tangle, which a new message names as its predecessors. Two rules:
 *
 * Threads (`root`, `branch`): what no held message of the tangle names in `branch`. Messages behind
 * a gap count too, so a reply ties loose ends together again.
 * v2 tangles (`tangles[name]`): only what is connected. A message is connected once all ids in its
 * `previous` are; the root is by itself. A merge with one missing predecessor stays out, and so does
 * all that follows it.
 * In both, members are the root and the messages whose `root` it is; `fork` plays no part, and the
 * root's own links, which lead out of the tangle, are not followed.
 */
import type { MessageKey } from '@dunbar/core'
import type { TangleMessage } from './tangle-message.js'

/** Heads of a thread, ascending by key; empty where nothing of it is held. O(n log n + links). */
export function heads(rootKey: MessageKey, messages: readonly TangleMessage[]): MessageKey[] {
  const found = new Set<MessageKey>()
  for (const { key, root } of messages) {
    if (key === rootKey || root === rootKey) found.add(key)
  }
  for (const { key, root, branch } of messages) {
    if (key === rootKey || root !== rootKey) continue
    for (const named of branch) if (named !== key) found.delete(named)
  }
  return [...found].sort()
}

/**
 * Heads of a v2 tangle, ascending by key; empty where the root is not held. A message that names
 * no predecessor, or itself, is not connected. O(n log n + links).
 */
export function connectedHeads(
  rootKey: MessageKey,
  messages: readonly TangleMessage[],
): MessageKey[] {
  const members = new Map<MessageKey, TangleMessage>()
  for (const message of messages) {
    const isMember = message.key === rootKey || message.root === rootKey
    if (isMember && !members.has(message.key)) members.set(message.key, message)
  }
  if (!members.has(rootKey)) return []

  const unmet = new Map<MessageKey, number>()
  const waiting = new Map<MessageKey, MessageKey[]>()
  for (const { key, branch } of members.values()) {
    if (key === rootKey || branch.length === 0) continue
    const previous = new Set(branch)
    unmet.set(key, previous.size)
    for (const named of previous) {
      const others = waiting.get(named)
      if (others === undefined) waiting.set(named, [key])
      else others.push(key)
    }
  }
  const connected = [rootKey]
  const named = new Set<MessageKey>()
  for (let at = 0; at < connected.length; at += 1) {
    const key = connected[at]!
    if (key !== rootKey) for (const previous of members.get(key)!.branch) named.add(previous)
    for (const follower of waiting.get(key) ?? []) {
      const left = unmet.get(follower)! - 1
      unmet.set(follower, left)
      if (left === 0) connected.push(follower)
    }
  }
  return connected.filter((key) => !named.has(key)).sort()
}
