import { isCodedError } from '@dunbar/core'
import { type ActorError, actorError } from './actor-error.js'
import type { Chunk, Context, Cursor, From, Lane } from './behaviour.js'
import type { ActorSpec } from './child-spec.js'
import type { MailLane, OpenEnvelope } from './envelope.js'
import type { Environment } from './environment.js'
import type { Mail } from './mailbox.js'
import { senderKey } from './sender-key.js'
import { isThenable } from './thenable.js'

/**
 * The giving end of an actor's streams. A stream is a cursor and the number of chunks its reader
 * has room for. While it has room and something to give, one pull of it stands in its lane of the
 * mailbox: so streams take turns with each other and with the rest of the mail, a handler and a
 * pull never run at once, and for a reader that does not read nothing is made.
 */

/** Open streams that one actor may have; one more is refused with `ACTOR_BUSY`. */
export const MAX_STREAMS = 1_024

/** What the streams need of their actor. */
export interface StreamHost {
  queue(mail: Mail, lane: Lane): void
  /** Runs code of the actor; what it throws or rejects with is a crash. */
  run<Value>(run: () => Value | Promise<Value>, then: (value: Value) => void): void
  crash(error: unknown): void
  /** A stream is gone. */
  freed(): void
}

interface OpenStream {
  readonly id: number
  readonly reader: From
  readonly lane: MailLane
  readonly cursor: Cursor
  credit: number
  /** The cursor had nothing; the actor wakes it by an effect. */
  isWaiting: boolean
  isPullQueued: boolean
}

type Pulled = Chunk | 'wait' | 'end' | { readonly failed: Error }

export class ActorStreams {
  readonly #spec: ActorSpec
  readonly #environment: Environment
  readonly #host: StreamHost
  /** Made when first needed: most actors have no stream. */
  #byId: Map<number, OpenStream> | null = null
  #byReader: Map<string, OpenStream> | null = null

  constructor(spec: ActorSpec, environment: Environment, host: StreamHost) {
    this.#spec = spec
    this.#environment = environment
    this.#host = host
  }

  get size(): number {
    return this.#byId?.size ?? 0
  }

  // --- told from outside; runs no code of the actor ---

  /** The reader left; false where it has no stream here. */
  cancel(reader: From): boolean {
    const stream = this.#byReader?.get(senderKey(reader))
    if (stream === undefined) return false
    this.#closeLater(stream)
    return true
  }

  credit(reader: From, count: number): void {
    const stream = this.#byReader?.get(senderKey(reader))
    if (stream === undefined) return
    stream.credit += count
    this.#queuePull(stream)
  }

  /** The kernel at this address ended, and its readers with it. */
  forget(address: string): void {
    for (const stream of this.#byId?.values() ?? []) {
      if (stream.reader.caller === address) this.#closeLater(stream)
    }
  }

  wake(streamId: number): void {
    const stream = this.#byId?.get(streamId)
    if (stream === undefined) return
    stream.isWaiting = false
    this.#queuePull(stream)
  }

  // --- in a turn of the actor ---

  open({ from, lane, body, credit }: OpenEnvelope, state: unknown, context: Context): void {
    const { exchange, counters } = this.#environment
    const { behaviour, name } = this.#spec
    if (behaviour.openStream === undefined) {
      exchange.endStream(
        from,
        actorError('ACTOR_UNSUPPORTED', name, 'it has no handler for a stream'),
      )
      return
    }
    if (this.size >= MAX_STREAMS) {
      counters.busy += 1
      exchange.endStream(
        from,
        actorError('ACTOR_BUSY', name, `${MAX_STREAMS} of its streams are open`),
      )
      return
    }
    const id = exchange.nextId()
    try {
      const cursor = behaviour.openStream(body, id, state, context)
      const stream: OpenStream = {
        id,
        reader: from,
        lane,
        cursor,
        credit,
        isWaiting: false,
        isPullQueued: false,
      }
      this.#byId ??= new Map()
      this.#byReader ??= new Map()
      this.#byId.set(id, stream)
      this.#byReader.set(senderKey(from), stream)
      this.#queuePull(stream)
    } catch (error) {
      if (isCodedError(error)) {
        exchange.endStream(from, error)
        return
      }
      exchange.endStream(from, actorError('ACTOR_DOWN', name, 'it crashed as the stream opened'))
      this.#host.crash(error)
    }
  }

  pull(streamId: number): void {
    const stream = this.#byId?.get(streamId)
    if (stream === undefined) return
    stream.isPullQueued = false
    this.#host.run<Pulled>(
      () => pullFrom(stream.cursor),
      (pulled) => this.#give(stream, pulled),
    )
  }

  close(streamId: number): void {
    const stream = this.#byId?.get(streamId)
    if (stream !== undefined) this.#close(stream)
  }

  /** The actor ends. Returns what a cursor threw as it was closed, or null. */
  endAll(error: ActorError): unknown {
    let closeError: unknown = null
    for (const stream of this.#byId?.values() ?? []) {
      this.#environment.exchange.endStream(stream.reader, error)
      try {
        stream.cursor.close()
      } catch (thrown) {
        closeError = thrown
      }
    }
    this.#byId = null
    this.#byReader = null
    return closeError
  }

  #give(stream: OpenStream, pulled: Pulled): void {
    const { exchange } = this.#environment
    if (pulled === 'wait') {
      stream.isWaiting = true
    } else if (pulled === 'end') {
      exchange.endStream(stream.reader, null)
      this.#close(stream)
    } else if ('failed' in pulled) {
      exchange.endStream(stream.reader, pulled.failed)
      this.#close(stream)
    } else {
      stream.credit -= 1
      exchange.chunk(stream.reader, pulled.value, pulled.transfer)
      this.#queuePull(stream)
    }
  }

  #queuePull(stream: OpenStream): void {
    if (stream.credit <= 0 || stream.isWaiting || stream.isPullQueued) return
    stream.isPullQueued = true
    this.#host.queue({ kind: 'pull', streamId: stream.id }, stream.lane)
  }

  /** The cursor is the actor's own code: it closes in a turn, never in the middle of a handler. */
  #closeLater(stream: OpenStream): void {
    stream.credit = Number.NEGATIVE_INFINITY
    this.#byReader?.delete(senderKey(stream.reader))
    this.#host.queue({ kind: 'close', streamId: stream.id }, 'system')
  }

  #close(stream: OpenStream): void {
    this.#byId?.delete(stream.id)
    this.#byReader?.delete(senderKey(stream.reader))
    try {
      stream.cursor.close()
    } catch (error) {
      this.#host.crash(error)
      return
    }
    this.#host.freed()
  }
}

/** A coded failure ends the stream; any other goes on as a crash of the actor. */
function pullFrom(cursor: Cursor): Pulled | Promise<Pulled> {
  try {
    const pulled = cursor.pull()
    return isThenable(pulled) ? pulled.catch(failed) : pulled
  } catch (error) {
    return failed(error)
  }
}

function failed(error: unknown): Pulled {
  if (isCodedError(error)) return { failed: error }
  throw error
}
