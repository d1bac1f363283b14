import { type ActorError, actorDown, actorError } from './actor-error.js'
import { ActorLedger } from './actor-ledger.js'
import { ActorStreams } from './actor-streams.js'
import type { Context, Effect, ExitReason, From, Lane } from './behaviour.js'
import { type ActorSpec, DEFAULT_SHUTDOWN_MS } from './child-spec.js'
import type { Deadline } from './deadline.js'
import type { MailEnvelope, MailLane } from './envelope.js'
import type { Environment, Supervised } from './environment.js'
import { crash } from './exit-reason.js'
import { type HandledMail, handleMail } from './handle-mail.js'
import type { ActorReport, ActorState } from './inspect.js'
import { type Mail, Mailbox } from './mailbox.js'
import type { Receiver } from './registry.js'
import type { Runnable, Slice } from './scheduler.js'
import { isThenable } from './thenable.js'

/**
 * One actor: its mailbox, its state and what it owes.
 *
 *            turn            settled                 effect, crash, stop
 *   new ──► starting ──► idle ◄──► busy     idle ──► ending ──► down
 *    ▲                                                 │
 *    └──────────── mail ─── passive ◄── (passivate) ───┘
 *
 * - At most one of its handlers runs; `busy` means that its promise is pending, and mail waits.
 * - A handler that returns no promise costs none: its effect is applied at once.
 * - Everything that it was asked and has not answered is in the mailbox, in hand or in the ledger,
 *   so that all of it can be refused the moment the actor ends.
 * - `#life` counts ends. A promise that settles in a later life than it was made in is ignored.
 */
export class ActorCell implements Supervised, Receiver, Runnable {
  readonly name: string
  readonly queued: Record<MailLane, boolean> = { local: false, remote: false }

  readonly #spec: ActorSpec
  readonly #environment: Environment
  readonly #ended: (reason: ExitReason | 'passive') => void
  readonly #mailbox: Mailbox
  readonly #streams: ActorStreams
  readonly #ledger: ActorLedger

  #state: ActorState = 'passive'
  #life = 0
  #context: Context | null = null
  #actorState: unknown
  /** What goes on before any other mail, in turns of its own lane alone. */
  #continuation: HandledMail | null = null
  /** The lane whose turn the last handler, and so the continuation, belongs to. */
  #lane: MailLane = 'local'
  #wantsRest = false
  #isResting = false
  #isStopWanted = false
  #endReason: ExitReason = { kind: 'normal' }
  #shutdown: Deadline | null = null
  #starting: { resolve(): void; reject(error: unknown): void } | null = null
  #stopping: (() => void)[] = []
  #handledCount = 0
  #lastTurnMs = 0

  /** `ended` is told of every end but a wanted stop; `passive` where the actor only rests. */
  constructor(
    spec: ActorSpec,
    environment: Environment,
    ended: (reason: ExitReason | 'passive') => void,
  ) {
    this.name = spec.name
    this.#spec = spec
    this.#environment = environment
    this.#ended = ended
    this.#mailbox = new Mailbox(spec.mailCapacity)
    this.#streams = new ActorStreams(spec, environment, {
      queue: (mail, lane) => this.#queue(mail, lane),
      run: (run, then) => this.#run(run, then),
      crash: (error) => this.#crash(error),
      freed: () => this.#restIfFree(),
    })
    this.#ledger = new ActorLedger(this.name, environment, (info) => this.#inform(info))
  }

  // --- life ---

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#starting = { resolve, reject }
      try {
        this.#environment.registry.add(this.name, this)
      } catch (error) {
        this.#state = 'down'
        this.#settleStart(error)
        return
      }
      this.wake('local')
    })
  }

  /** Starts the actor in its next turn, unless it lives. */
  wake(lane: MailLane): void {
    if (this.#state !== 'passive') return
    this.#state = 'new'
    this.#environment.scheduler.ready(this, lane)
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#state === 'down') {
        resolve()
        return
      }
      this.#stopping.push(resolve)
      if (this.#isStopWanted) return
      this.#isStopWanted = true
      if (this.#state !== 'ending') this.#endReason = { kind: 'shutdown' }
      if (this.#state === 'passive' || this.#state === 'new') this.#finishEnd()
      else if (this.#state === 'idle') this.#end({ kind: 'shutdown' })
      else this.#startShutdownTime()
    })
  }

  discard(): void {
    this.#environment.registry.remove(this.name, this)
  }

  report(): ActorReport {
    return {
      kind: 'actor',
      name: this.name,
      state: this.#state,
      mailbox: this.#mailbox.lengths(),
      handledCount: this.#handledCount,
      openStreams: this.#streams.size,
      owedReplies: this.#ledger.owedCount,
      lastTurnMs: this.#lastTurnMs,
    }
  }

  // --- what comes in ---

  receive(mail: MailEnvelope): ActorError | null {
    const state = this.#state
    if (state === 'down' || this.#isStopWanted || (state === 'ending' && !this.#isResting)) {
      return actorDown(this.name, this.#endReason)
    }
    if (!this.#mailbox.offer(mail)) {
      this.#environment.counters.busy += 1
      return actorError('ACTOR_BUSY', this.name, `the ${mail.lane} lane of its mailbox is full`)
    }
    if (state === 'idle' || state === 'new') this.#environment.scheduler.ready(this, mail.lane)
    else if (state === 'passive') this.wake(mail.lane)
    return null
  }

  cancel(_name: string, from: From): void {
    if (this.#streams.cancel(from) || this.#mailbox.withdraw(from)) return
    this.#ledger.settle(from)
    this.#restIfFree()
  }

  credit(_name: string, from: From, count: number): void {
    this.#streams.credit(from, count)
  }

  downReason(): ActorError | null {
    return this.#state === 'down' ? actorDown(this.name, this.#endReason) : null
  }

  forget(address: string): void {
    this.#streams.forget(address)
    this.#ledger.forget(address)
    this.#restIfFree()
  }

  // --- turns ---

  hasWork(lane: MailLane): boolean {
    if (this.#state === 'new') return true
    if (this.#state !== 'idle') return false
    if (this.#continuation !== null) return this.#lane === lane
    return (lane === 'local' && this.#mailbox.has('system')) || this.#mailbox.has(lane)
  }

  work(lane: MailLane, slice: Slice): void {
    if (this.#state === 'new') {
      this.#lane = lane
      this.#begin()
      if (!slice.step()) {
        this.#makeReady()
        return
      }
    }
    while (this.#state === 'idle' && this.#step(lane) && slice.step()) {}
    this.#lastTurnMs = slice.elapsedMs
  }

  /** Does one thing; false where there is nothing to do in this lane. */
  #step(lane: MailLane): boolean {
    const isGoingOn = this.#continuation !== null
    if (isGoingOn && this.#lane !== lane) return false
    const mail = this.#continuation ?? this.#mailbox.take(lane)
    if (mail === undefined) return false
    this.#continuation = null
    this.#lane = lane
    switch (mail.kind) {
      case 'pull':
        this.#streams.pull(mail.streamId)
        break
      case 'close':
        this.#streams.close(mail.streamId)
        break
      case 'open':
        this.#noteWork()
        this.#streams.open(mail, this.#actorState, this.#context as Context)
        break
      case 'call':
      case 'cast':
      case 'info':
      case 'continue':
        this.#noteWork()
        this.#handle(mail)
        break
    }
    // What came into the other lane meanwhile was left alone, and nothing else tells of it.
    if (isGoingOn && this.#continuation === null) this.#makeReady()
    return true
  }

  #noteWork(): void {
    this.#handledCount += 1
    this.#wantsRest = false
  }

  /** Runs one handler and applies its effect, now or when its promise settles. */
  #handle(mail: HandledMail): void {
    if (mail.kind === 'call') this.#ledger.takeInHand(mail.from)
    this.#run(
      () => handleMail(this.#spec.behaviour, mail, this.#actorState, this.#context as Context),
      (effect) => this.#apply(effect ?? NO_EFFECT),
    )
  }

  /** Runs code of the actor that may return a promise; a throw or a rejection is a crash. */
  #run<Value>(
    run: () => Value | Promise<Value>,
    then: (value: Value) => void,
    whileWaiting: 'busy' | 'starting' = 'busy',
  ): void {
    const life = this.#life
    const failed = (error: unknown): void => {
      if (this.#life === life) this.#crash(error)
    }
    try {
      const value = run()
      if (!isThenable(value)) {
        if (this.#life === life) then(value)
        return
      }
      this.#state = whileWaiting
      if (this.#lane === 'local') this.#environment.scheduler.await(value)
      value
        .then((settled) => {
          if (this.#life !== life) return
          this.#state = 'idle'
          then(settled)
          // A handler that was running when the stop came may still answer; nothing follows it.
          if (this.#isStopWanted && this.#state === 'idle') this.#end(this.#endReason)
          this.#makeReady()
        })
        .catch(failed)
    } catch (error) {
      failed(error)
    }
  }

  #makeReady(): void {
    if (this.hasWork('local')) this.#environment.scheduler.ready(this, 'local')
    if (this.hasWork('remote')) this.#environment.scheduler.ready(this, 'remote')
  }

  #queue(mail: Mail, lane: Lane): void {
    this.#mailbox.add(mail, lane)
    if (this.#state !== 'idle') return
    this.#environment.scheduler.ready(this, lane === 'remote' ? 'remote' : 'local')
  }

  #inform(info: unknown): void {
    if (this.#state === 'down' || this.#state === 'ending' || this.#state === 'passive') return
    if (!this.#mailbox.addSystem({ kind: 'info', info })) {
      this.#crash(actorError('ACTOR_BUSY', this.name, 'its system lane is full'))
      return
    }
    if (this.#state === 'idle') this.#environment.scheduler.ready(this, 'local')
  }

  // --- effects ---

  #apply(effect: Effect<unknown>): void {
    this.#ledger.answer(effect)
    if (effect === NO_EFFECT) return
    this.#ledger.arrange(effect)
    for (const task of effect.tasks ?? []) this.#await(task)
    for (const streamId of effect.wake ?? []) this.#streams.wake(streamId)
    if (effect.stop !== undefined) {
      this.#end(effect.stop)
      return
    }
    if (effect.proceed !== undefined) {
      this.#continuation = { kind: 'continue', token: effect.proceed }
    }
    if (effect.proceedLater !== undefined) {
      this.#queue({ kind: 'continue', token: effect.proceedLater }, this.#lane)
    }
    if (effect.passivate === true) this.#wantsRest = true
    this.#restIfFree()
  }

  /** Waits beside the mailbox, no longer than this life lasts. */
  #await(task: Promise<unknown>): void {
    const life = this.#life
    task.then(
      (info) => {
        if (this.#life === life) this.#inform(info)
      },
      (error: unknown) => {
        if (this.#life === life) this.#crash(error)
      },
    )
  }

  // --- start and end ---

  #begin(): void {
    const { ports, router, counters, scheduler } = this.#environment
    const isStopWanted = () => this.#isStopWanted
    const stepMs = () => scheduler.runMs
    this.#context = { ...ports, name: this.name, router, isStopWanted, stepMs }
    this.#isResting = false
    this.#state = 'starting'
    counters.starts += 1
    const { behaviour, arg } = this.#spec
    const context = this.#context
    this.#run(
      () => behaviour.init(arg, context),
      (state) => {
        this.#actorState = state
        this.#state = 'idle'
        this.#settleStart(null)
        this.#makeReady()
      },
      'starting',
    )
  }

  #restIfFree(): void {
    if (!this.#wantsRest || this.#state !== 'idle' || this.#continuation !== null) return
    if (this.#streams.size > 0 || this.#ledger.owedCount > 0) return
    this.#wantsRest = false
    this.#isResting = true
    this.#end({ kind: 'normal' })
  }

  #crash(error: unknown): void {
    if (this.#state === 'ending' || this.#state === 'down') return
    const hasGivenUp = this.#state === 'starting' && this.#isStopWanted
    this.#end(hasGivenUp ? this.#endReason : crash(error))
  }

  /** Refuses what waits, says the last words, and is gone when they are said or their time is up. */
  #end(reason: ExitReason): void {
    const hasState = this.#state === 'idle' || this.#state === 'busy'
    this.#state = 'ending'
    this.#life += 1
    this.#endReason = reason
    if (!this.#isResting) this.#refuseAll()
    this.#ledger.clear()
    const { terminate } = this.#spec.behaviour
    if (!hasState || terminate === undefined) {
      this.#finishEnd()
      return
    }
    const life = this.#life
    const done = (error?: unknown): void => {
      if (this.#life !== life) return
      if (error !== undefined && this.#endReason.kind !== 'crash') this.#endReason = crash(error)
      this.#finishEnd()
    }
    try {
      const said = terminate.call(
        this.#spec.behaviour,
        reason,
        this.#actorState,
        this.#context as Context,
      )
      if (!isThenable(said)) {
        done()
        return
      }
      said.then(() => done(), done)
      this.#startShutdownTime()
    } catch (error) {
      done(error ?? new Error('terminate threw nothing'))
    }
  }

  #refuseAll(): void {
    const { exchange } = this.#environment
    // An error with its stack is dear, and of thousands that end together nearly none is asked anything.
    if (this.#ledger.owedCount + this.#streams.size === 0 && this.#mailbox.isEmpty) return
    const error = actorDown(this.name, this.#endReason)
    this.#ledger.refuseAll(error)
    const closeError = this.#streams.endAll(error)
    if (closeError !== null && this.#endReason.kind !== 'crash') this.#endReason = crash(closeError)
    for (let mail = this.#mailbox.takeAny(); mail !== undefined; mail = this.#mailbox.takeAny()) {
      if (mail.kind === 'call' || mail.kind === 'cast' || mail.kind === 'open') {
        exchange.refuseMail(mail, error)
      }
    }
  }

  #startShutdownTime(): void {
    if (this.#shutdown !== null) return
    const { wheel, counters } = this.#environment
    this.#shutdown = wheel.after(this.#spec.shutdownMs ?? DEFAULT_SHUTDOWN_MS, () => {
      this.#endReason = { kind: 'killed' }
      this.#isResting = false
      counters.kills += 1
      this.#finishEnd()
    })
  }

  #finishEnd(): void {
    const { wheel, monitors, counters, tell } = this.#environment
    if (this.#shutdown !== null) wheel.clear(this.#shutdown)
    this.#shutdown = null
    this.#life += 1
    this.#continuation = null
    this.#actorState = undefined
    this.#context = null
    const reason = this.#endReason
    if (this.#isResting && reason.kind === 'normal' && !this.#isStopWanted) {
      this.#state = 'passive'
      counters.passivations += 1
      this.#mailbox.keepMessages()
      if (this.#mailbox.isEmpty) this.#ended('passive')
      else
        this.wake(this.#mailbox.has('remote') && !this.#mailbox.has('local') ? 'remote' : 'local')
      return
    }
    this.#state = 'down'
    this.#refuseAll()
    this.#ledger.clear()
    if (reason.kind === 'crash') {
      counters.crashes += 1
      tell({ op: 'crashed', name: this.name, error: reason.error })
    } else if (reason.kind === 'killed') {
      tell({ op: 'killed', name: this.name })
    }
    monitors.fire(this.name, reason)
    const waiting = this.#stopping
    this.#stopping = []
    if (this.#starting !== null) {
      this.#settleStart(
        reason.kind === 'crash' ? reason.error : actorDown(this.name, this.#endReason),
      )
    } else if (!this.#isStopWanted) {
      this.#ended(reason)
    }
    for (const resolve of waiting) resolve()
  }

  #settleStart(error: unknown): void {
    const starting = this.#starting
    this.#starting = null
    if (error === null) starting?.resolve()
    else starting?.reject(error)
  }
}

const NO_EFFECT: Effect = {}
