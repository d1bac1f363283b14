import { type BlobId, CodedError, type FeedId, type MessageKey, type Sequence } from '@dunbar/core'
import type { Peer } from '@dunbar/wire'

/** When the node archives its own feed by itself. */
export interface ArchiveSettings {
  /** Seconds between two looks; 0 for never, which a node begins with. */
  readonly intervalSeconds: number
  /** Fewer messages than these are not worth an archive. Default 1,024, which is the least. */
  readonly minMessages: number
  /** The newest messages, which are left out. Default 1,024. */
  readonly keepMessages: number
}

/** What an `archive` message says of the messages of its author. */
export interface ArchiveRange {
  /** The blob that names all others. */
  readonly bundle: BlobId
  readonly first: Sequence
  readonly last: Sequence
}

/** An archive that was made and published. */
export interface MadeArchive extends ArchiveRange {
  /** Key of the `archive` message. */
  readonly message: MessageKey
  /** Bytes of the bundle's blob. */
  readonly size: number
  /** Key of the message at `last`. */
  readonly lastMessage: MessageKey
  readonly previous: BlobId | null
  readonly blocks: readonly {
    readonly blob: BlobId
    readonly size: number
    readonly first: Sequence
    readonly last: Sequence
  }[]
  readonly dictionaries: readonly BlobId[]
  /** Bytes of the archived messages as compact JSON, and of the blobs that were made for them. */
  readonly jsonBytes: number
  readonly blobBytes: number
}

/** How archiving goes on. */
export type ArchiveEvent =
  /** A precondition wants to be asked again later. */
  | { readonly event: 'waiting'; readonly seconds: number }
  /** `reason`: `PRECONDITION_CANCELLED`, or what became of a callback: `…_FAILED`, `…_GONE`, `…_TIMEOUT`, `…_UNDECIDED`. */
  | { readonly event: 'cancelled'; readonly reason: string }
  | { readonly event: 'started'; readonly first: Sequence; readonly last: Sequence }
  | ({ readonly event: 'archived' } & MadeArchive)
  | { readonly event: 'failed'; readonly code: string; readonly text: string }

/** How archiving is. */
export interface ArchiveStatus {
  readonly phase: 'off' | 'idle' | 'asking' | 'waiting' | 'archiving'
  readonly settings: ArchiveSettings
  readonly nextInSeconds: number | null
  /** The last message that is archived; 0 for none. */
  readonly archived: Sequence
  readonly newest:
    | (ArchiveRange & { readonly size: number; readonly lastMessage: MessageKey })
    | null
  readonly last: ArchiveEvent | null
  /** Callbacks that are registered. */
  readonly preconditions: number
  readonly verifications: number
}

/** An archive of another feed that has arrived. */
export interface ArrivedArchive extends ArchiveRange {
  readonly feed: FeedId
  /** Key of the `archive` message. */
  readonly message: MessageKey
  /** Bytes of the bundle's blob. */
  readonly size: number
}

/** What the node found out about an archive of another feed. */
export interface ArchiveVerification extends ArchiveRange {
  readonly feed: FeedId
  readonly message: MessageKey
  /**
   * `vouched`: every text in it is that of the stored message. `chain`: author, range and keys are
   * right; not all blobs were here to compare. `unknown`: the messages are not held. `refused`: it
   * says something else than the stored messages.
   */
  readonly result: 'vouched' | 'chain' | 'unknown' | 'refused'
  /** Code of why it is not vouched for. */
  readonly reason?: string
}

/** Whole seconds to wait before the question is asked again; 0 to begin, a negative number to cancel. */
export type PreconditionAnswer = number | Promise<number>

/** A callback at the node. It ends with the connection at the latest. */
export interface Registration {
  /** Resolves when it has ended: null by `close`, else why. Never rejects. */
  readonly ended: Promise<unknown>
  /** Ends it; resolves when the node knows. */
  close(): Promise<void>
}

/**
 * Archives of the node's own feed, and of others as they arrive.
 *
 * A precondition that throws, gives no whole number or takes longer than a minute has cancelled.
 * @source ssb-archive proposal, 3
 */
export class ArchiveMethods {
  readonly #peer: Peer
  #precondition: Registration | null = null

  constructor(peer: Peer) {
    this.#peer = peer
  }

  /**
   * Says how often the node looks for messages to archive; settings that are left out stay. They hold
   * until the node ends, the precondition until it is closed, replaced by another `configure`, or the
   * connection ends.
   * @param precondition asked before each archive that the node makes by itself
   */
  async configure(
    settings: Partial<ArchiveSettings>,
    precondition?: () => PreconditionAnswer,
  ): Promise<ArchiveSettings> {
    if (precondition !== undefined) {
      const asked = await registered(this.#peer, 'archive.preconditions', {
        ask: () => precondition(),
      })
      await this.#precondition?.close()
      this.#precondition = asked
    }
    return (await this.#peer.call('archive.configure', [settings])) as ArchiveSettings
  }

  /** Takes the precondition of `configure` back. */
  async removePrecondition(): Promise<void> {
    const asked = this.#precondition
    this.#precondition = null
    await asked?.close()
  }

  /** Tells how archiving goes on from here on. What the callback throws ends the registration. */
  async registerArchiveCallback(
    callback: (event: ArchiveEvent) => void | Promise<void>,
  ): Promise<Registration> {
    const leaving = new AbortController()
    const events = this.#peer.source('archive.events', [], { signal: leaving.signal })
    await this.status()
    return registration(leaving, async () => {
      for await (const event of events) await callback(event as ArchiveEvent)
    })
  }

  /**
   * Has archives of other feeds verified as their messages arrive.
   * @param precondition asked about each before its verification
   * @param result told what came of those that were to be verified; what it throws ends the registration
   */
  registerVerification(
    precondition: (archive: ArrivedArchive) => PreconditionAnswer,
    result: (verification: ArchiveVerification) => void | Promise<void>,
  ): Promise<Registration> {
    return registered(this.#peer, 'archive.verifications', {
      ask: (about) => precondition(about as unknown as ArrivedArchive),
      tell: (item) => result(item.result as ArchiveVerification),
    })
  }

  /**
   * Archives at once what fills whole blocks, without asking preconditions; gives what was made.
   * @param options `keepMessages` in place of the setting; `partial` takes what fills no block too
   */
  async now(
    options: { readonly keepMessages?: number; readonly partial?: boolean } = {},
  ): Promise<readonly MadeArchive[]> {
    return (await this.#peer.call('archive.now', [options])) as readonly MadeArchive[]
  }

  async status(): Promise<ArchiveStatus> {
    return (await this.#peer.call('archive.status')) as ArchiveStatus
  }
}

type Item = Readonly<Record<string, unknown>>

/** What an app does with what comes on a duplex. */
interface Callbacks {
  ask(about: Item): PreconditionAnswer
  tell?(item: Item): void | Promise<void>
}

/** Opens a duplex; resolves when the node says that the callbacks are registered. */
async function registered(peer: Peer, name: string, callbacks: Callbacks): Promise<Registration> {
  const leaving = new AbortController()
  const answers = new Answers()
  const items = peer.duplex(name, [], answers, { signal: leaving.signal })
  const first = await items.next()
  if (first.done || (first.value as Item | null)?.ready !== true) {
    leaving.abort()
    throw new CodedError('UNEXPECTED_ANSWER', `${name} did not begin as it should`)
  }
  return registration(leaving, async () => {
    try {
      for await (const item of items as AsyncIterable<Item>) {
        if (typeof item.ask === 'number') void answer(item.ask, item, callbacks, answers)
        else await callbacks.tell?.(item)
      }
    } finally {
      answers.end()
    }
  })
}

/** Never rejects: what a callback throws is the answer. */
async function answer(ask: number, about: Item, { ask: put }: Callbacks, answers: Answers) {
  try {
    answers.push({ ask, answer: await put(about) })
  } catch (error) {
    answers.push({ ask, error: error instanceof Error ? error.message : 'it threw' })
  }
}

function registration(leaving: AbortController, run: () => Promise<void>): Registration {
  const ended = run().then(
    () => null,
    (error: unknown) => {
      leaving.abort()
      return error
    },
  )
  return {
    ended,
    close: async () => {
      leaving.abort()
      await ended
    },
  }
}

/** What an app sends. The node asks one question after the other, so few answers ever wait. */
class Answers implements AsyncIterableIterator<object> {
  readonly #waiting: object[] = []
  #reader: ((result: IteratorResult<object, undefined>) => void) | null = null
  #isOver = false

  push(item: object): void {
    if (this.#isOver) return
    const reader = this.#reader
    this.#reader = null
    if (reader === null) this.#waiting.push(item)
    else reader({ done: false, value: item })
  }

  end(): void {
    this.#isOver = true
    this.#reader?.({ done: true, value: undefined })
    this.#reader = null
  }

  next(): Promise<IteratorResult<object, undefined>> {
    const item = this.#waiting.shift()
    if (item !== undefined) return Promise.resolve({ done: false, value: item })
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve) => {
      this.#reader = resolve
    })
  }

  return(): Promise<IteratorResult<object, undefined>> {
    this.end()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
