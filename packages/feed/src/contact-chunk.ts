/**
 * What authors say of others on its way from a shard: each id once, and beside them numbers. A feed
 * follows some of the same few thousand others as the next one does, and an id takes longer to write,
 * to clone and to look up than all the rest of a contact.
 */
import type { FeedId } from '@dunbar/core'
import type { ContactColumns, ContactRow } from './protocol.js'

/** Collects contacts for one chunk. */
export class ContactChunkWriter {
  readonly #ids: FeedId[] = []
  readonly #places = new Map<FeedId, number>()
  readonly #sources: number[] = []
  readonly #dests: number[] = []
  readonly #states: ContactRow['state'][] = []

  /** Contacts in it. */
  get count(): number {
    return this.#states.length
  }

  /** Ids in it. */
  get idCount(): number {
    return this.#ids.length
  }

  /** The place of an id, which is added where it is new. */
  place(id: FeedId): number {
    const known = this.#places.get(id)
    if (known !== undefined) return known
    const place = this.#ids.push(id) - 1
    this.#places.set(id, place)
    return place
  }

  /** Adds a contact by the places of its two ids. */
  push(source: number, dest: number, state: ContactRow['state']): void {
    this.#sources.push(source)
    this.#dests.push(dest)
    this.#states.push(state)
  }

  finish(): ContactColumns {
    return {
      ids: this.#ids,
      sources: Uint32Array.from(this.#sources),
      dests: Uint32Array.from(this.#dests),
      states: Int8Array.from(this.#states),
    }
  }
}

/** The contacts of a chunk, in its order; equal ids are the very same text. */
export function contactRows({ ids, sources, dests, states }: ContactColumns): ContactRow[] {
  const rows: ContactRow[] = []
  for (let at = 0; at < states.length; at++) {
    const state = states[at] as ContactRow['state']
    rows.push({ source: ids[sources[at]!]!, dest: ids[dests[at]!]!, state })
  }
  return rows
}
