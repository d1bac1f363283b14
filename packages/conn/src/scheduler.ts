/**
 * Keeps the quota of connections filled, by the rules of `schedule.ts`. It looks at things when
 * something happened, and by one timer when something is due; otherwise nothing runs.
 */
import type { Clock, Logger, Random, Timers } from '@dunbar/actor'
import type { FeedId } from '@dunbar/core'
import { isDialable, type PeerAddress, parseAddress } from './address.js'
import type { AddressBook, AddressEntry } from './address-book.js'
import type { ConnectionEvent, Connections } from './connections.js'
import { isLoopbackHost } from './host.js'
import type { ConnLimits } from './limits.js'
import { type Candidate, plan, type Scheduled } from './schedule.js'
import type { Staging } from './staging.js'

export interface SchedulerOptions {
  readonly id: FeedId
  readonly connections: Connections
  readonly book: AddressBook
  readonly staging: Staging
  hopsOf(id: FeedId): number | null
  isBlocked(id: FeedId): boolean
  /** Whether this machine itself may be dialled. */
  readonly allowsLoopback: boolean
  readonly timers: Timers
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly limits: ConnLimits
}

/** What was learnt of an address in this run; times are monotonic, so that a jump of the wall clock changes nothing. */
interface Experience {
  readonly triedAtMs: number | null
  /** Attempts in a row that failed, or led to a connection that was over at once. */
  readonly failureCount: number
  readonly hasOnlyFailed: boolean
  readonly jitter: number
}

/** Peers that are left alone; of more, those who were let go first may be dialled again. */
const MAX_RESTING = 2_000
/** What happens in quick succession is looked at once. */
const GATHER_MS = 200
/** Who closes a connection sooner than this did not want it, and is not to be asked again at once. */
const SHORT_MS = 10_000
/** Addresses whose experience is kept beside the book's; those that were heard of first go first. */
const MAX_EXPERIENCES = 2_000

export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #experiences = new Map<string, Experience>()
  readonly #jitter: number
  /** Until when a peer is not dialled, monotonic ms. */
  readonly #resting = new Map<FeedId, number>()
  #rotatedAtMs = Number.NEGATIVE_INFINITY
  #isRunning = false
  #wakeAtMs = Number.POSITIVE_INFINITY
  #cancelWake: (() => void) | null = null

  constructor(options: SchedulerOptions) {
    this.#options = options
    this.#jitter = this.#draw()
    options.connections.onEvent((event) => this.#learn(event))
    options.book.onChange(() => this.lookSoon())
    options.staging.onChange(() => this.lookSoon())
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  start(): void {
    this.#isRunning = true
    this.lookSoon()
  }

  stop(): void {
    this.#isRunning = false
    this.#cancelWake?.()
    this.#cancelWake = null
    this.#wakeAtMs = Number.POSITIVE_INFINITY
  }

  /** This peer is not dialled for so long; what somebody asks for goes another way. */
  leaveAlone(key: FeedId, forMs: number): void {
    this.#resting.delete(key)
    this.#resting.set(key, this.#options.clock.monotonic() + forMs)
    if (this.#resting.size > MAX_RESTING) {
      this.#resting.delete(this.#resting.keys().next().value!)
    }
  }

  /** Something happened that may change who is dialled. */
  lookSoon(): void {
    this.#wakeIn(GATHER_MS * this.#draw())
  }

  #wakeIn(delayMs: number): void {
    const { clock, timers } = this.#options
    const atMs = clock.monotonic() + delayMs
    if (!this.#isRunning || atMs >= this.#wakeAtMs) return
    this.#cancelWake?.()
    this.#wakeAtMs = atMs
    this.#cancelWake = timers.set(delayMs, () => {
      this.#cancelWake = null
      this.#wakeAtMs = Number.POSITIVE_INFINITY
      this.#look()
    })
  }

  #look(): void {
    const { limits, clock } = this.#options
    const nowMs = clock.monotonic()
    for (const [key, untilMs] of this.#resting) if (untilMs <= nowMs) this.#resting.delete(key)
    const nextMs = Math.min(
      ...this.#resting.values(),
      this.#fill(limits.scheduledRooms, true, nowMs),
      this.#fill(limits.scheduledPeers, false, nowMs),
    )
    if (Number.isFinite(nextMs)) this.#wakeIn(Math.max(0, nextMs - nowMs))
  }

  /** Dials and drops for one quota; when to look again. */
  #fill(quota: number, isForRooms: boolean, nowMs: number): number {
    const { connections } = this.#options
    const planned = plan({
      nowMs,
      quota,
      candidates: quota === 0 ? [] : this.#candidates(isForRooms),
      up: this.#up(isForRooms),
      rotatedAtMs: this.#rotatedAtMs,
      jitter: this.#jitter,
    })
    if (planned.isRotating) this.#rotatedAtMs = nowMs
    for (const key of planned.drop) void connections.disconnect(key)
    for (const { address } of planned.dial) this.#dial(address)
    return planned.nextMs ?? Number.POSITIVE_INFINITY
  }

  #dial(text: string): void {
    const { connections, book, staging, logger } = this.#options
    const address = parseAddress(text)
    if (address === null) return
    const data = { ...book.get(text), ...staging.get(text) }
    connections.connect(address, { data, isScheduled: true }).catch((error: unknown) => {
      const code = (error as { code?: unknown } | null)?.code
      logger.log('debug', 'conn', 'a peer could not be reached', { id: address.key, code })
    })
  }

  /** One for each peer that is not connected: its address that is due first. */
  #candidates(isForRooms: boolean): Candidate[] {
    const { book, staging } = this.#options
    const best = new Map<FeedId, Candidate>()
    const consider = (text: string, entry: Pick<AddressEntry, 'key'> & Partial<AddressEntry>) => {
      const { key, type = null, autoconnect } = entry
      if ((type === 'room') !== isForRooms || autoconnect === false) return
      const hops = this.#options.hopsOf(key)
      if ((hops === null && !isForRooms) || !this.#isWanted(key)) return
      const address = parseAddress(text)
      if (address === null || !this.#mayDial(address)) return
      const experience = this.#experience(address.text, entry)
      const candidate = { address: address.text, key, type, hops, ...experience }
      const other = best.get(key)
      if (other === undefined || candidate.failureCount < other.failureCount) {
        best.set(key, candidate)
      }
    }
    for (const [text, entry] of staging.entries()) consider(text, entry)
    for (const [text, entry] of book.entries()) consider(text, entry)
    return [...best.values()]
  }

  #isWanted(key: FeedId): boolean {
    const { id, connections, isBlocked } = this.#options
    return key !== id && !isBlocked(key) && !connections.isConnected(key) && !this.#resting.has(key)
  }

  #mayDial(address: PeerAddress): boolean {
    const { host } = address
    if (!isDialable(address) || host === null) return false
    return this.#options.allowsLoopback || !isLoopbackHost(host)
  }

  /** Strangers do not count: they must not keep this node from its friends. */
  #up(isForRooms: boolean): Scheduled[] {
    const { connections, hopsOf } = this.#options
    return connections
      .list()
      .filter(({ state, data, key, isScheduled }) => {
        if (state === 'disconnecting' || (data.type === 'room') !== isForRooms) return false
        return isForRooms || isScheduled || hopsOf(key) !== null
      })
      .map(({ key, isScheduled, state, sinceMs }) => {
        return { key, isScheduled, isConnected: state === 'connected', sinceMs }
      })
  }

  #learn({ type, address, isDialler, durationMs }: ConnectionEvent): void {
    if (type === 'disconnecting') return
    if (!isDialler) {
      this.lookSoon()
      return
    }
    const held = this.#experience(address, this.#options.book.get(address) ?? {})
    const isFailure =
      type === 'connecting-failed' || (type === 'disconnected' && durationMs < SHORT_MS)
    const isSuccess = type === 'disconnected' && !isFailure
    const failureCount = isSuccess ? 0 : held.failureCount + (isFailure ? 1 : 0)
    this.#experiences.delete(address)
    this.#experiences.set(address, {
      triedAtMs: this.#options.clock.monotonic(),
      failureCount,
      hasOnlyFailed: held.hasOnlyFailed && durationMs === 0,
      jitter: this.#draw(),
    })
    if (this.#experiences.size > MAX_EXPERIENCES) {
      this.#experiences.delete(this.#experiences.keys().next().value!)
    }
    this.lookSoon()
  }

  /** What is known of an address: from this run, else from the book. */
  #experience(address: string, entry: Partial<AddressEntry>): Experience {
    const held = this.#experiences.get(address)
    if (held !== undefined) return held
    const { clock } = this.#options
    const { stateChange, failure = 0, duration } = entry
    const sinceMs = stateChange === undefined ? null : Math.max(0, clock.now() - stateChange)
    const hasOnlyFailed = duration === undefined || duration.mean === 0
    const triedAtMs = sinceMs === null ? null : clock.monotonic() - sinceMs
    return { triedAtMs, failureCount: failure, hasOnlyFailed, jitter: 1 }
  }

  #draw(): number {
    return 0.8 + 0.4 * this.#options.random.next()
  }
}
