import { type MessageKey, verify } from '@dunbar/core'
import { readClassic } from '@dunbar/formats'
import { openSource } from '@dunbar/import'
import type { GeneratedMessage } from '@dunbar/testkit'

/**
 * Messages of a file that `dunbar import` reads, as the generator gives its own. Left out is what
 * does not follow the message before it in its feed, or does not verify: other subjects may refuse
 * it, or take it, and would hold something else.
 */
export async function* readMessageFile(
  path: string,
  leftOut: (messages: number) => void,
): AsyncGenerator<GeneratedMessage, void> {
  const source = await openSource(path)
  const heads = new Map<string, { readonly sequence: number; readonly key: MessageKey }>()
  let others = 0
  let timestamp = 0
  for await (const { records, rejected } of source.records()) {
    for (const { count } of rejected) others += count
    for (const record of records) {
      const read = readClassic(record.value)
      const head = read.ok ? heads.get(read.message.author) : undefined
      if (
        !read.ok ||
        read.message.sequence !== (head?.sequence ?? 0) + 1 ||
        read.message.previous !== (head?.key ?? null) ||
        !verify(read.message.signature, read.message.signed, read.message.authorBytes)
      ) {
        others += 1
        continue
      }
      const { key, author, sequence, content, compact } = read.message
      heads.set(author, { sequence, key })
      timestamp = Number.isNaN(record.received) ? timestamp + 1 : record.received
      const type = typeof content === 'string' ? '' : String(content.type)
      yield { key, author, sequence, type, value: compact, timestamp }
    }
  }
  if (others > 0) leftOut(others)
}
