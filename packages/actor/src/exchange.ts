import { errorFromPlain, errorToPlain } from '@dunbar/core'
import { type ActorError, actorError } from './actor-error.js'
import type { From, TransferList } from './behaviour.js'
import { CallTable } from './call-table.js'
import type { DeadlineWheel } from './deadline.js'
import type {
  AnswerEnvelope,
  Batch,
  Envelope,
  MailEnvelope,
  RequestEnvelope,
  ThreadEnvelope,
} from './envelope.js'
import type { Counters } from './inspect.js'
import { Link } from './link.js'
import { Monitors } from './monitors.js'
import type { Turns } from './ports.js'
import type { Receiver, Registry } from './registry.js'
import type { Scheduler } from './scheduler.js'
import type { StreamReader } from './stream-reader.js'
import type { ThreadPort } from './thread-port.js'
import { insteadOf, unsendable } from './unsendable.js'

/**
 * Carries envelopes: requests to whoever has the name, answers to the kernel that asked.
 *
 * Threads form a star. The hub (the main thread) has a link to every thread; a thread has one link,
 * its uplink to the hub. A name that does not live here goes where `place` says, or up; what came
 * down from the hub never goes up again. The hub remembers what it carried on between two threads,
 * so that it can answer for a thread that died.
 */

/** Where a name lives: the name of a thread, or `local` for the asking kernel itself. */
export type Place = (name: string) => string | 'local' | null

/** The way to an actor. */
export type Location =
  | { readonly kind: 'here'; readonly receiver: Receiver }
  | { readonly kind: 'link'; readonly link: Link }
  | { readonly kind: 'nowhere'; readonly error: ActorError }

/** Every kernel has an actor that tells about it, by this and the name of its thread. */
export const KERNEL_PREFIX = 'kernel/'

export class Exchange {
  readonly address: string
  readonly calls: CallTable
  readonly readers = new Map<number, StreamReader>()
  readonly monitors: Monitors

  readonly #registry: Registry
  readonly #counters: Counters
  readonly #turns: Turns
  readonly #place: Place
  #scheduler: Scheduler | null = null
  readonly #links = new Map<string, Link>()
  readonly #handlers = new Map<Link, (envelope: ThreadEnvelope) => void>()
  /** The threads of this hub by name; null while one is down. */
  readonly #threads = new Map<string, Link | null>()
  #uplink: Link | null = null
  #changed: Link[] = []
  /** Requests from other kernels that came before the tree of this one was up. */
  #held: { readonly envelope: RequestEnvelope; readonly link: Link }[] | null = null
  #lastId = 0

  constructor(
    address: string,
    registry: Registry,
    wheel: DeadlineWheel,
    turns: Turns,
    counters: Counters,
    place: Place,
  ) {
    this.address = address
    this.#registry = registry
    this.#turns = turns
    this.#counters = counters
    this.#place = place
    this.calls = new CallTable(wheel, counters, (call) => {
      const from = { callId: call.id, caller: address }
      this.request({ kind: 'cancel', name: call.name, from }, null)
    })
    this.monitors = new Monitors(this)
  }

  /** The two need each other: the scheduler flushes at the end of its runs. */
  attach(scheduler: Scheduler): void {
    this.#scheduler = scheduler
  }

  /** A number that no other call, stream or watch of this kernel has. */
  nextId(): number {
    this.#lastId += 1
    return this.#lastId
  }

  afterTurn(run: () => void): void {
    this.#turns.endOfTurn(run)
  }

  // --- requests ---

  /** `origin`: the link by which the request came; null for this kernel's own. */
  locate(name: string, origin: Link | null = null): Location {
    const receiver = this.#registry.find(name)
    if (receiver !== undefined) return { kind: 'here', receiver }
    const place = name.startsWith(KERNEL_PREFIX)
      ? name.slice(KERNEL_PREFIX.length)
      : this.#place(name)
    const link = place === null ? undefined : this.#threads.get(place)
    if (link === null) {
      return { kind: 'nowhere', error: actorError('ACTOR_DOWN', name, 'its thread is down') }
    }
    if (link !== undefined) return { kind: 'link', link }
    if (this.#uplink !== null && this.#uplink !== origin) {
      return { kind: 'link', link: this.#uplink }
    }
    return { kind: 'nowhere', error: actorError('ACTOR_UNKNOWN', name, 'nobody has this name') }
  }

  /** Hands mail over by a way that `locate` gave; the error says why it was not taken. */
  submit(mail: MailEnvelope, location: Location): ActorError | null {
    if (location.kind === 'here') return location.receiver.receive(mail)
    if (location.kind === 'nowhere') return location.error
    const { link } = location
    if (!link.hasRoom) {
      this.#counters.busy += 1
      return actorError('ACTOR_BUSY', mail.name, 'too much is under way to its thread')
    }
    link.send(mail)
    return null
  }

  /** Carries a request on. One that nobody takes is answered so. */
  request(envelope: RequestEnvelope, origin: Link | null): void {
    const location = this.locate(envelope.name, origin)
    if (origin !== null && location.kind === 'here' && isUrgent(envelope)) {
      this.#scheduler?.noteAsked()
    }
    switch (envelope.kind) {
      case 'call':
      case 'cast':
      case 'open': {
        const through = location.kind === 'link' && envelope.kind !== 'cast' ? location.link : null
        if (through !== null && envelope.kind !== 'cast') through.noteForwarded(envelope)
        const error = this.submit(envelope, location)
        if (error === null) return
        if (envelope.kind !== 'cast') through?.forgetForwarded(envelope.from)
        this.refuseMail(envelope, error)
        return
      }
      case 'monitor':
        if (location.kind === 'link') {
          location.link.noteForwarded(envelope)
          location.link.send(envelope)
        } else {
          this.monitors.watchFor(envelope.name, envelope.from)
        }
        return
      case 'demonitor':
      case 'cancel':
        if (location.kind === 'link') {
          location.link.forgetForwarded(envelope.from)
          location.link.send(envelope)
        } else if (envelope.kind === 'demonitor') {
          this.monitors.unwatchFor(envelope.from)
        } else if (location.kind === 'here') {
          location.receiver.cancel(envelope.name, envelope.from)
        }
        return
      case 'credit':
        if (location.kind === 'link') location.link.send(envelope)
        else if (location.kind === 'here') {
          location.receiver.credit(envelope.name, envelope.from, envelope.count)
        }
        return
    }
  }

  // --- answers ---

  reply(to: From, value: unknown, transfer: TransferList | undefined): void {
    if (to.caller === this.address) {
      this.calls.resolve(to.callId, value)
      return
    }
    const envelope = { kind: 'reply', to: to.caller, id: to.callId, value } as const
    this.answer(transfer === undefined ? envelope : { ...envelope, transfer })
  }

  refuse(to: From, error: Error): void {
    if (to.caller === this.address) this.calls.reject(to.callId, error)
    else {
      this.answer({
        kind: 'refusal',
        to: to.caller,
        id: to.callId,
        error: errorToPlain(error),
      })
    }
  }

  chunk(to: From, value: unknown, transfer: TransferList | undefined): void {
    if (to.caller === this.address) {
      this.readers.get(to.callId)?.push(value)
      return
    }
    const envelope = { kind: 'chunk', to: to.caller, id: to.callId, value } as const
    this.answer(transfer === undefined ? envelope : { ...envelope, transfer })
  }

  /** The stream is over, for the reason in `error` where it is not null. */
  endStream(to: From, error: Error | null): void {
    if (to.caller === this.address) {
      this.readers.get(to.callId)?.end(error)
      return
    }
    const envelope = { kind: 'end', to: to.caller, id: to.callId } as const
    this.answer(error === null ? envelope : { ...envelope, error: errorToPlain(error) })
  }

  /** Says to whoever sent it why mail was not taken. */
  refuseMail(mail: MailEnvelope, error: Error): void {
    this.#counters.refusals += 1
    if (mail.kind === 'call') this.refuse(mail.from, error)
    else if (mail.kind === 'open') this.endStream(mail.from, error)
    else this.#counters.lostCasts += 1
  }

  /** Brings an answer to the kernel that asked. */
  answer(envelope: AnswerEnvelope): void {
    if (envelope.to === this.address) {
      this.#settle(envelope)
      return
    }
    const link = this.#links.get(envelope.to) ?? this.#uplink
    if (link === null) this.#counters.lateReplies += 1
    else link.send(envelope)
  }

  #settle(envelope: AnswerEnvelope): void {
    switch (envelope.kind) {
      case 'reply':
        this.calls.resolve(envelope.id, envelope.value)
        return
      case 'refusal':
        this.calls.reject(envelope.id, errorFromPlain(envelope.error))
        return
      case 'chunk':
        this.readers.get(envelope.id)?.push(envelope.value)
        return
      case 'end':
        this.readers
          .get(envelope.id)
          ?.end(envelope.error === undefined ? null : errorFromPlain(envelope.error))
        return
      case 'down':
        this.monitors.down(envelope.id, envelope.reason)
        return
    }
  }

  // --- links ---

  /** Joins a thread under this hub; its names can be asked for from here on. */
  joinThread(
    threadName: string,
    address: string,
    port: ThreadPort,
    handle: (envelope: ThreadEnvelope) => void,
  ): Link {
    const link = this.#join(threadName, address, port, handle)
    this.#threads.set(threadName, link)
    port.onMessage((batch) => this.receive(link, batch))
    return link
  }

  /** Joins the hub above this kernel. What it asks for waits until `release`. */
  joinHub(address: string, port: ThreadPort, handle: (envelope: ThreadEnvelope) => void): Link {
    const link = this.#join('', address, port, handle)
    this.#uplink = link
    this.#held = []
    return link
  }

  /** The tree of this kernel is up: what other kernels asked for so far is carried on. */
  release(): void {
    const held = this.#held ?? []
    this.#held = null
    this.#scheduler?.runWith(() => {
      for (const { envelope, link } of held) this.request(envelope, link)
    })
  }

  /** Everything that one post brought, executed in this turn. */
  receive(link: Link, batch: Batch): void {
    link.noteReceived(batch.envelopes.length, batch.received)
    this.#scheduler?.runWith(() => {
      for (const envelope of batch.envelopes) this.#receiveOne(link, envelope)
    })
  }

  /**
   * The kernel behind a link ended. Whatever waits for it is told so, here and in other threads, and
   * whatever it had asked for is called off.
   */
  linkDown(link: Link, reason: string): void {
    if (link.isDown) return
    link.close()
    this.#links.delete(link.address)
    this.#handlers.delete(link)
    if (this.#threads.get(link.threadName) === link) this.#threads.set(link.threadName, null)
    this.calls.linkDown(link, reason)
    this.monitors.linkDown(link, reason)
    for (const reader of [...this.readers.values()]) reader.linkDown(link, reason)
    for (const { kind, name, from } of link.takeForwarded()) {
      const error = actorError('ACTOR_DOWN', name, `its thread ended: ${reason}`)
      if (kind === 'call') this.refuse(from, error)
      else if (kind === 'open') this.endStream(from, error)
      else {
        this.answer({
          kind: 'down',
          to: from.caller,
          id: from.callId,
          name,
          reason: { kind: 'crash', error: errorToPlain(error) },
        })
      }
    }
    this.#forget(link.address)
    for (const other of this.#links.values()) {
      other.forgetForwardedOf(link.address)
      other.send({ kind: 'gone', address: link.address })
    }
  }

  /** The thread is no longer part of the tree. */
  forgetThread(threadName: string): void {
    if (this.#threads.get(threadName) === null) this.#threads.delete(threadName)
  }

  /** Posts what the turn collected: one batch for each link. */
  flush(): void {
    while (this.#changed.length > 0) {
      const changed = this.#changed
      this.#changed = []
      for (const link of changed) link.flush()
    }
  }

  #join(
    threadName: string,
    address: string,
    port: ThreadPort,
    handle: (envelope: ThreadEnvelope) => void,
  ): Link {
    const link = new Link(
      address,
      threadName,
      port,
      this.#counters,
      (changed) => {
        this.#changed.push(changed)
        this.#scheduler?.plan()
      },
      (envelope, through) => this.#unsendable(envelope, through),
    )
    this.#links.set(address, link)
    this.#handlers.set(link, handle)
    return link
  }

  #receiveOne(link: Link, envelope: Envelope): void {
    switch (envelope.kind) {
      case 'call':
      case 'cast':
      case 'open':
      case 'cancel':
      case 'credit':
      case 'monitor':
      case 'demonitor':
        if (this.#held === null) this.request(envelope, link)
        else this.#held.push({ envelope, link })
        return
      case 'chunk':
        this.answer(envelope)
        return
      case 'reply':
      case 'refusal':
      case 'end':
      case 'down':
        if (envelope.to !== this.address) {
          link.forgetForwarded({ callId: envelope.id, caller: envelope.to })
        }
        this.answer(envelope)
        return
      case 'ping':
        link.send({ kind: 'pong' })
        return
      case 'gone':
        this.#forget(envelope.address)
        return
      default:
        this.#handlers.get(link)?.(envelope)
    }
  }

  #forget(address: string): void {
    this.#registry.forget(address)
    this.monitors.forget(address)
  }

  /** What cannot cross is refused to whoever sent it, or answered in its place. */
  #unsendable(envelope: Envelope, link: Link): void {
    if (envelope.kind === 'call' || envelope.kind === 'cast' || envelope.kind === 'open') {
      if (envelope.kind !== 'cast') link.forgetForwarded(envelope.from)
      this.refuseMail(envelope, unsendable(envelope.name, 'a message'))
      return
    }
    const instead = insteadOf(envelope)
    if (instead !== null) link.send(instead)
  }
}

/** Whoever asked waits for the answer, and may ask more. */
const isUrgent = (envelope: RequestEnvelope): boolean =>
  (envelope.kind === 'call' || envelope.kind === 'open') &&
  envelope.lane === 'local' &&
  envelope.isPatient !== true
