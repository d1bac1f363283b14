import { errorFromPlain } from '@dunbar/core'
import { ActorError } from './actor-error.js'
import type { ExitReason } from './behaviour.js'
import { DEFAULT_HEARTBEAT, type ThreadSpec } from './child-spec.js'
import { Deadline } from './deadline.js'
import type { ThreadEnvelope } from './envelope.js'
import type { Environment, Supervised } from './environment.js'
import { crash } from './exit-reason.js'
import type { ThreadReport } from './inspect.js'
import type { Link } from './link.js'

/**
 * One thread as a child of a supervisor. Each start is a new thread with a new address, so that
 * what an earlier one still sends reaches nobody.
 *
 *   hub: welcome ─► thread starts its tree ─► ready      hub: stop ─► thread stops its tree ─► stopped
 *
 * A thread is down when its port says so, when it says that its tree failed, when its tree did not
 * start in time, or when too many heartbeats in a row stay unanswered. Heartbeats are counted, not
 * timed: a hub that was itself held up, or a machine that slept, asks once and does not judge.
 */

const DEFAULT_START_MS = 60_000
const DEFAULT_SHUTDOWN_MS = 10_000

export class SupervisedThread implements Supervised {
  readonly name: string
  readonly #spec: ThreadSpec
  readonly #environment: Environment
  readonly #ended: (reason: ExitReason) => void
  readonly #deadline: Deadline
  readonly #heartbeat: Deadline
  #state: ThreadReport['state'] = 'down'
  #link: Link | null = null
  #startCount: number
  #missedHeartbeats = 0
  #started: { resolve(): void; reject(error: unknown): void } | null = null
  #stopped: (() => void)[] = []

  /** `startCount`: how often a thread of this name was started before. */
  constructor(
    spec: ThreadSpec,
    environment: Environment,
    ended: (reason: ExitReason) => void,
    startCount: number,
  ) {
    this.name = spec.name
    this.#spec = spec
    this.#environment = environment
    this.#ended = ended
    this.#startCount = startCount
    this.#deadline = new Deadline(() => this.#timeIsUp())
    this.#heartbeat = new Deadline(() => this.#beat())
  }

  start(): Promise<void> {
    const { name, host, entry, workerData, resourceLimits } = this.#spec
    const { exchange, wheel } = this.#environment
    return new Promise((resolve, reject) => {
      this.#started = { resolve, reject }
      this.#state = 'starting'
      const address = `${name}#${this.#startCount}`
      const port = host.start({
        name,
        entry,
        ...(workerData === undefined ? {} : { workerData }),
        ...(resourceLimits === undefined ? {} : { resourceLimits }),
      })
      const link = exchange.joinThread(name, address, port, (envelope) => this.#handle(envelope))
      this.#link = link
      port.onExit((error) => {
        if (this.#link !== link) return
        const wasAsked = this.#state === 'stopping'
        if (wasAsked && error === null) this.#down({ kind: 'shutdown' }, 'it was stopped')
        else this.#down(crash(this.#error(error?.message ?? 'it ended by itself', error)))
      })
      link.send({ kind: 'welcome', address, hub: exchange.address })
      wheel.set(this.#deadline, this.#spec.startMs ?? DEFAULT_START_MS)
    })
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#state === 'down') {
        resolve()
        return
      }
      this.#stopped.push(resolve)
      if (this.#state === 'stopping') return
      this.#state = 'stopping'
      this.#environment.wheel.clear(this.#heartbeat)
      this.#link?.send({ kind: 'stop' })
      this.#environment.wheel.set(this.#deadline, this.#spec.shutdownMs ?? DEFAULT_SHUTDOWN_MS)
    })
  }

  discard(): void {
    this.#environment.exchange.forgetThread(this.name)
  }

  report(): ThreadReport {
    return {
      kind: 'thread',
      name: this.name,
      address: this.#link?.address ?? '',
      state: this.#state,
      startCount: this.#startCount,
      missedHeartbeats: this.#missedHeartbeats,
      forwarded: this.#link?.forwardedCount ?? 0,
    }
  }

  #handle(envelope: ThreadEnvelope): void {
    switch (envelope.kind) {
      case 'ready':
        if (this.#state !== 'starting') return
        this.#state = 'up'
        this.#environment.wheel.clear(this.#deadline)
        this.#scheduleBeat()
        this.#started?.resolve()
        this.#started = null
        return
      case 'failed':
        this.#down(crash(errorFromPlain(envelope.error)))
        return
      case 'pong':
        this.#missedHeartbeats = 0
        return
      case 'stopped':
        this.#down({ kind: 'shutdown' }, 'it was stopped')
        return
    }
  }

  #scheduleBeat(): void {
    const heartbeat = this.#spec.heartbeat === undefined ? DEFAULT_HEARTBEAT : this.#spec.heartbeat
    if (heartbeat === null || this.#state !== 'up') return
    this.#environment.wheel.set(this.#heartbeat, heartbeat.intervalMs)
  }

  #beat(): void {
    const { maxMissed } = this.#spec.heartbeat ?? DEFAULT_HEARTBEAT
    if (this.#missedHeartbeats >= maxMissed) {
      this.#down({ kind: 'killed' }, `it left ${maxMissed} heartbeats unanswered`)
      return
    }
    this.#missedHeartbeats += 1
    this.#link?.send({ kind: 'ping' })
    this.#scheduleBeat()
  }

  #timeIsUp(): void {
    if (this.#state === 'starting') this.#down(crash(this.#error('its tree did not start in time')))
    else this.#down({ kind: 'killed' }, 'it did not stop in time')
  }

  #down(reason: ExitReason, text?: string): void {
    const { exchange, wheel, tell, counters } = this.#environment
    const link = this.#link
    if (link === null || this.#state === 'down') return
    const wasStopping = this.#state === 'stopping'
    this.#state = 'down'
    this.#link = null
    this.#missedHeartbeats = 0
    wheel.clear(this.#deadline)
    wheel.clear(this.#heartbeat)
    link.port.terminate()
    const error = reason.kind === 'crash' ? (reason.error as Error) : null
    exchange.linkDown(link, text ?? error?.message ?? reason.kind)
    if (reason.kind === 'killed') {
      counters.kills += 1
      tell({ op: 'killed', name: this.name })
    } else if (error !== null) {
      counters.crashes += 1
      tell({ op: 'crashed', name: this.name, error })
    }
    const started = this.#started
    this.#started = null
    const stopped = this.#stopped
    this.#stopped = []
    if (started !== null) started.reject(error ?? this.#error(text ?? reason.kind))
    else if (!wasStopping) this.#ended(reason)
    for (const resolve of stopped) resolve()
  }

  #error(text: string, cause: Error | null = null): ActorError {
    return new ActorError(
      'THREAD_DOWN',
      `thread ${this.name}: ${text}`,
      { name: this.name },
      cause === null ? undefined : { cause },
    )
  }
}
