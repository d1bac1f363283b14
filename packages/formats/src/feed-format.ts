/** The seam behind which feed formats sit. Feeds, replication and archives know this, not JSON. */
import type { SignedMemory } from './signed-memory.js'

/** What every format tells of a message. */
export interface FeedMessage {
  /** The key as text: sigil form for classic, else a canonical SSB URI. */
  readonly key: string
  /** The feed's id as text, likewise. */
  readonly author: string
  readonly sequence: number
}

export type ReadResult<Message, Reason extends string> =
  | { readonly ok: true; readonly message: Message }
  | { readonly ok: false; readonly reason: Reason }

/** The newest message of a feed that its holder has, in an unbroken chain from 1. */
export interface FeedHead<Key extends string = string> {
  readonly key: Key
  readonly sequence: number
}

/**
 * How a message stands to the head of its feed.
 * - `ok`: the next one; it may be appended.
 * - `GAP`: messages between the head and this one are missing; not an error, ask for them.
 * - `KNOWN_OR_OLD`: its sequence is held already. It is a duplicate where its key is the held one,
 *   else the feed is forked there; only the holder of the log can tell.
 * - `FORK`: its sequence is the next one, yet it follows another message than the head. Both sides
 *   are signed by one author: evidence of a fork. The branch that came first is kept.
 */
export type Succession = 'ok' | 'GAP' | 'KNOWN_OR_OLD' | 'FORK'

export interface ReadOptions {
  /** 32 bytes; the network's `caps.sign`. The main network has none. */
  readonly hmacKey?: Uint8Array
  /** Where what was signed is kept, for callers who check the signature at once. Default: in memory of its own. */
  readonly signedMemory?: SignedMemory
}

export interface FeedFormat<Message extends FeedMessage, Reason extends string, Draft> {
  /** As in SSB URIs: `ssb:feed/<name>/…`. */
  readonly name: string
  /** Decodes one message from untrusted bytes and checks everything but its signature and its place in the feed. */
  read(bytes: Uint8Array, options?: ReadOptions): ReadResult<Message, Reason>
  verifySignature(message: Message): boolean
  /** `head` is null where nothing of the feed is held. The caller has made sure that both are of one feed. */
  checkSuccessor(message: Message, head: FeedHead | null): Succession
  /** Signs a new message. @throws coded errors where others would refuse it */
  create(draft: Draft): Message
  /** The bytes as they are stored and sent; not copied. */
  encode(message: Message): Uint8Array
}
