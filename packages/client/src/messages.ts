import type { BlobId, FeedId, MessageKey, Sequence } from '@dunbar/core'

/** A message as its author signed it; opened, where it was private and asked for. */
export interface MessageValue<Content = unknown> {
  /** Key of the author's message before; null in the first. */
  readonly previous: MessageKey | null
  readonly sequence: Sequence
  readonly author: FeedId
  /** Claimed by the author, ms since 1970. */
  readonly timestamp: number
  readonly hash: 'sha256'
  /** An object with a `type`, or ciphertext as a string. */
  readonly content: Content
  readonly signature: string
}

/** A message, its key, and when this node received it, ms since 1970. */
export interface Message<Content = unknown> {
  readonly key: MessageKey
  readonly value: MessageValue<Content>
  readonly timestamp: number
}

/** Stands in a live stream where everything stored has been given and new messages follow. */
export interface SyncMarker {
  readonly sync: true
}

/** What all streams understand. */
export interface LiveOptions {
  /** Go on with what arrives after the stored ones. Default false. */
  readonly live?: boolean
  /** Give the stored ones. Default true. */
  readonly old?: boolean
  /** Items at most; -1 for no limit, the default. */
  readonly limit?: number
  /** Say `{sync: true}` once between old and new, where the stream is live. Default true. */
  readonly sync?: boolean
  /** Ends the stream, and the loop, as if there were no more messages. */
  readonly signal?: AbortSignal
}

/** Options of message streams, named as in the JavaScript stack. */
export interface MessageStreamOptions extends LiveOptions {
  /** Newest first. Default false. */
  readonly reverse?: boolean
  /** False gives bare values instead of messages. Default true. */
  readonly keys?: boolean
  /** False gives bare keys instead of messages. Default true. */
  readonly values?: boolean
}

/** Bounds on the number that orders a stream. */
export interface Bounds {
  readonly gt?: number
  readonly gte?: number
  readonly lt?: number
  readonly lte?: number
}

/** `createLogStream`: bounds are times of arrival, ms. `createFeedStream`: claimed times, ms. */
export type LogStreamOptions = MessageStreamOptions & Bounds

/** Bounds are sequences. */
export interface UserStreamOptions extends MessageStreamOptions, Bounds {
  readonly id: FeedId | string
}

/** One feed from a sequence on, as peers ask for it; never says `{sync: true}`. */
export interface HistoryStreamOptions extends Omit<MessageStreamOptions, 'sync' | 'reverse'> {
  readonly id: FeedId | string
  /** First sequence wanted. Default 1. */
  readonly sequence?: Sequence
  /** The same; `sequence` goes before it. */
  readonly seq?: Sequence
}

export interface TypeStreamOptions extends MessageStreamOptions, Bounds {
  readonly type: string
}

/** Who refers to what. At least one of `dest`, `source`, `rel` should be given. */
export interface LinkStreamOptions extends LiveOptions {
  /** Author of the link. */
  readonly source?: FeedId | string
  /** What is linked to. */
  readonly dest?: FeedId | MessageKey | BlobId | string
  /** Name of the relation: `root`, `branch`, `vote`, `contact`, … */
  readonly rel?: string
  readonly reverse?: boolean
  /** Give the linking message's value too. Default false. */
  readonly values?: boolean
}

/** One link; `value` where `values: true`. */
export interface Link {
  readonly source: FeedId
  readonly dest: string
  readonly rel: string
  readonly key: MessageKey
  readonly value?: MessageValue
}

/** A thread, or another tangle by name. */
export interface TangleReadOptions extends LiveOptions {
  readonly root: MessageKey | string
  /** Name of a tangle in `content.tangles`; threads, by `root` and `branch`, have none. */
  readonly name?: string
}

/** What `get` takes beside a key. */
export interface GetOptions {
  readonly id: MessageKey | string
  /** Open it, where it is private and for this node. Default false. */
  readonly private?: boolean
  /** Give key and time of arrival with the value. Default false. */
  readonly meta?: boolean
}

/** The marker, where a stream with these options may give it. */
export type Marker<Options> = 'live' extends keyof Options
  ? true extends Options['live']
    ? Options extends { readonly sync: false }
      ? never
      : SyncMarker
    : never
  : never

type Shape<Options> = Options extends { readonly keys: false }
  ? MessageValue
  : Options extends { readonly values: false }
    ? MessageKey
    : Message

/** What a stream with these options gives: a marker is among it only where the stream may be live. */
export type StreamItem<Options> = Shape<Options> | Marker<Options>

/** What `links` gives with these options. */
export type LinkItem<Options> = Link | Marker<Options>

/** No options. */
export type None = Record<never, never>
