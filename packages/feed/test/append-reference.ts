import { readClassic, verifySignature } from '@dunbar/formats'

/** The slow, obvious way to take messages into a feed: one after the other, each judged in full. */
export class ReferenceFeed {
  readonly held = new Map<number, { text: string; key: string; previous: string | null }>()
  readonly reasons = new Map<string, number>()
  readonly forked = new Set<string>()
  head = 0
  headKey: string | null = null
  added = 0
  known = 0
  readonly #id: string

  constructor(id: string) {
    this.#id = id
  }

  take(bytes: Uint8Array, takesOutOfOrder: boolean): void {
    const reason = this.#judge(bytes, takesOutOfOrder)
    if (reason !== null) this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1)
  }

  #judge(bytes: Uint8Array, takesOutOfOrder: boolean): string | null {
    const read = readClassic(bytes)
    if (!read.ok) return read.reason
    const { message } = read
    if (message.author !== this.#id) return 'AUTHOR_MISMATCH'
    const text = Buffer.from(message.compact).toString()
    const held = this.held.get(message.sequence)
    if (held?.text === text) {
      this.known += 1
      return null
    }
    if (held === undefined && message.sequence > this.head + 1 && !takesOutOfOrder) return 'GAP'
    if (!verifySignature(message)) return 'SIGNATURE'
    if (held !== undefined) {
      this.forked.add(message.key)
      return 'FORK'
    }
    if (message.sequence === this.head + 1 && message.previous !== this.headKey) {
      this.forked.add(message.key)
      return 'FORK'
    }
    this.held.set(message.sequence, { text, key: message.key, previous: message.previous })
    this.added += 1
    this.#merge()
    return null
  }

  #merge(): void {
    for (;;) {
      const next = this.held.get(this.head + 1)
      if (next === undefined || next.previous !== this.headKey) return
      this.head += 1
      this.headKey = next.key
    }
  }
}
