import type { Ports } from './ports.js'

/**
 * What an actor does, in the manner of OTP's `gen_server`. Handlers change `state` in place and
 * return what happens next as an effect; they do not call the kernel. One handler of an actor runs
 * at a time, also where it returns a promise: the next message waits until that has settled.
 * A handler that throws or rejects crashes the actor.
 */

/** Where mail waits. `system` goes first, then `local` (the user's own publishing and queries), then `remote` (replication, import). */
export type Lane = 'system' | 'local' | 'remote'

/** Why an actor ended. `normal` and `shutdown` are wanted ends; a `crash` counts for restart intensity. */
export type ExitReason =
  | { readonly kind: 'normal' }
  | { readonly kind: 'shutdown' }
  | { readonly kind: 'crash'; readonly error: unknown }
  | { readonly kind: 'killed' }

/** Memory that is moved to the receiving thread instead of copied. */
export type TransferList = readonly ArrayBuffer[]

/** Where a reply goes; plain data, may be kept in the state and answered by a later effect of the same actor. */
export interface From {
  readonly callId: number
  readonly caller: string
}

export interface Reply {
  readonly to: From
  readonly value: unknown
  readonly transfer?: TransferList
}

/** What happens after a handler. All parts are optional; `noReply()` is the empty effect. */
export interface Effect<Token = unknown> {
  /** Replies to send, in order. A call that is neither answered here nor later runs into its deadline. */
  readonly replies?: readonly Reply[]
  /** Errors to send as replies, in order: the caller's promise rejects with the coded error. */
  readonly refusals?: readonly { readonly to: From; readonly error: Error }[]
  /** Work that goes on: `handleContinue(token)` runs next, before any other mail, after the slice rule let others work. */
  readonly proceed?: Token
  /** As `proceed`, but behind the mail that waits in its lane: for work beside which others may be served. */
  readonly proceedLater?: Token
  /** `handleInfo({op:'timer', name})` after `delayMs`; setting a name again replaces it, `null` takes it back. */
  readonly timers?: Readonly<Record<string, number | null>>
  /** Streams, by the id that `openStream` was given, that have something to give now. */
  readonly wake?: readonly number[]
  /**
   * Work under way that does not hold up the mailbox, for example a sync of a file: what a promise
   * resolves to reaches `handleInfo`; one that rejects crashes the actor. Dropped when the actor ends.
   */
  readonly tasks?: readonly Promise<unknown>[]
  /** Names whose end should be told to this actor, once each, as `{op:'down'}`; a name nobody has is down at once. */
  readonly monitor?: readonly string[]
  /** Names that need not be told any longer. */
  readonly demonitor?: readonly string[]
  /** Ends the actor after the replies. */
  readonly stop?: ExitReason
  /**
   * Ends the actor quietly until the next message to its name starts it again; its supervisor does
   * not count it. Waits until its streams are closed and its calls answered; mail that is handled
   * before then takes the wish back.
   */
  readonly passivate?: true
}

/** What the kernel itself tells an actor. */
export type SystemInfo =
  | { readonly op: 'timer'; readonly name: string }
  /** A monitored actor or thread ended. */
  | { readonly op: 'down'; readonly name: string; readonly reason: ExitReason }

/** One chunk of a stream: plain data, and what of it is moved. */
export interface Chunk {
  readonly value: unknown
  readonly transfer?: TransferList
}

/**
 * A cursor that the kernel pulls whenever its reader has credit. `pull` returns a chunk, `wait`
 * where there is nothing at the moment (the actor wakes the stream by an effect), or `end`.
 * Nothing is queued for a reader that does not read. A `pull` that throws ends that stream with the
 * coded error and leaves the actor alive, unless the error is not coded: that is a crash.
 */
export interface Cursor {
  pull(): Chunk | 'wait' | 'end' | Promise<Chunk | 'wait' | 'end'>
  /** The reader went away or the stream ended. */
  close(): void
}

/** What handlers may use: the ports of the thread, and the names of others. */
export interface Context extends Ports {
  /** The actor's own name, for example `feed/@….ed25519`. */
  readonly name: string
  /** Sends calls, casts and streams to other actors by name. */
  readonly router: Router
  /** Whether the actor is to end. An `init` that takes long asks, and throws: that counts as its end. */
  isStopWanted(): boolean
  /** How long a step of remote work may take at the moment, ms: less while another thread asks in the lane `local`. */
  stepMs(): number
}

export interface Behaviour<
  State,
  Arg = unknown,
  Call = unknown,
  Cast = unknown,
  Info = never,
  Token = unknown,
> {
  /** Builds the state. A throw is a failed start, which the supervisor counts. */
  init(arg: Arg, context: Context): State | Promise<State>
  handleCall?(
    call: Call,
    from: From,
    state: State,
    context: Context,
  ): Effect<Token> | Promise<Effect<Token>>
  handleCast?(cast: Cast, state: State, context: Context): Effect<Token> | Promise<Effect<Token>>
  handleInfo?(
    info: SystemInfo | Info,
    state: State,
    context: Context,
  ): Effect<Token> | Promise<Effect<Token>>
  handleContinue?(
    token: Token,
    state: State,
    context: Context,
  ): Effect<Token> | Promise<Effect<Token>>
  /** Opens a stream. `streamId` is what `wake` effects name. @throws coded errors as a refusal, others crash */
  openStream?(request: Call, streamId: number, state: State, context: Context): Cursor
  /** Last words; also after a crash. Not called when the thread dies. */
  terminate?(reason: ExitReason, state: State, context: Context): void | Promise<void>
}

export interface CallOptions {
  /** Default `local`. */
  readonly lane?: Exclude<Lane, 'system'>
  /** Remote work of the thread goes on at full speed beside calls like this: for what is asked again and again by whoever only watches. */
  readonly isPatient?: true
  /** Default 5,000. The caller's promise rejects with `ACTOR_TIMEOUT`; a late reply is counted and dropped. */
  readonly deadlineMs?: number
  readonly signal?: AbortSignal
  readonly transfer?: TransferList
}

export interface StreamOptions {
  readonly lane?: Exclude<Lane, 'system'>
  /** As for a call. */
  readonly isPatient?: true
  readonly signal?: AbortSignal
  /** Chunks that may be under way or unread at once. Default 4. */
  readonly credit?: number
}

/** Sends to actors by name; knows on which thread a name lives. */
export interface Router {
  /**
   * @throws {ACTOR_TIMEOUT} no reply within the deadline
   * @throws {ACTOR_DOWN} the actor or its thread ended before it replied
   * @throws {ACTOR_BUSY} the lane of its mailbox is full
   * @throws {ACTOR_UNKNOWN} nobody has that name
   * @throws {ACTOR_QUARANTINED} it crashed too often and is set aside
   */
  call<Value = unknown>(name: string, call: unknown, options?: CallOptions): Promise<Value>
  /** For what may be lost: no answer, no error. */
  cast(name: string, cast: unknown, options?: Pick<CallOptions, 'lane' | 'transfer'>): void
  /** The reader's loop gives credit; leaving the loop cancels the stream at the actor. Errors as `call`. */
  stream<Value = unknown>(
    name: string,
    request: unknown,
    options?: StreamOptions,
  ): AsyncIterableIterator<Value>
}

export const noReply = (): Effect<never> => ({})
export const reply = (to: From, value: unknown, transfer?: TransferList): Effect<never> => ({
  replies: [transfer === undefined ? { to, value } : { to, value, transfer }],
})
export const refuse = (to: From, error: Error): Effect<never> => ({ refusals: [{ to, error }] })
export const stop = (reason: ExitReason = { kind: 'normal' }): Effect<never> => ({ stop: reason })
