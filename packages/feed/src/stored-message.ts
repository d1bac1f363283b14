/** What is read from a stored message to index it. */
export interface StoredMessage {
  readonly author: string
  readonly sequence: number
  /** Key of the message before, null for the first one. */
  readonly previous: unknown
  /** Claimed, ms. */
  readonly timestamp: number
  readonly content: unknown
}

/** Reads the bytes of a message as a log holds them; null for what is no message. About 4 µs. */
export function decodeStored(bytes: Uint8Array): StoredMessage | null {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'))
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { author, sequence, previous, timestamp, content } = value as Partial<StoredMessage>
  if (typeof author !== 'string' || typeof sequence !== 'number') return null
  if (typeof timestamp !== 'number') return null
  return { author, sequence, previous: previous ?? null, timestamp, content }
}

/** The type of a content; '' where it is encrypted or has none. */
export function typeOfContent(content: unknown): string {
  if (typeof content !== 'object' || content === null) return ''
  const { type } = content as { type?: unknown }
  return typeof type === 'string' ? type : ''
}
