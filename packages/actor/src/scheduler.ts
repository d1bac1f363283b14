import type { MailLane } from './envelope.js'
import type { Clock, Timers, Turns } from './ports.js'
import { Ring } from './ring.js'

/**
 * Decides which actor of a thread works next.
 *
 * - Two queues of actors that have something to do. An actor whose work is local goes before every
 *   actor whose work is remote; after `LOCAL_TURNS` local turns in a row one remote turn of one
 *   message is granted, so that remote work never stops for good.
 * - A turn ends when the actor has no more work in that lane, when it has worked for `SLICE_MS` or
 *   `SLICE_STEPS` messages, or, if remote, after the message during which local work appeared. Then
 *   the actor goes to the back of its queue. Steps bound a slice where the clock stands still.
 * - The thread goes back to its event loop after `RUN_MS` of work, so that sockets, timers and
 *   ports are served; what is left goes on in a later turn. Only time spent working counts, summed
 *   over all the runs since the last return: a chain of calls that each make the next one ready
 *   yields too, and one call to an idle actor never waits.
 * - Where another thread asked something in the lane `local` within `ASKED_MS`, or such a call waits for
 *   what only the event loop can bring, such as a sync of the disk, remote work leaves half of the time
 *   free: runs end after `ASKED_RUN_MS`, and then remote work rests as long as it took. What is asked
 *   meanwhile finds the thread idle, and mostly a core, too: others wait for all of this work.
 */

/** Long enough for some messages to be checked; a publish that takes several turns of several threads waits for one of these at each. */
export const SLICE_MS = 1
export const SLICE_STEPS = 1_000
/** Two slices: what a socket or a port waits at most. */
export const RUN_MS = 2
export const RUN_STEPS = 4_000
/** In place of `RUN_MS` while somebody asks. Each return to the event loop takes the time of one message, so this is not for always. */
export const ASKED_RUN_MS = 1
/** Somebody asked so lately that they may ask again at any moment. */
export const ASKED_MS = 200
/** Bounds of a rest: what a timer can do, and a step that took long because its code was cold. */
export const MIN_REST_MS = 1
export const MAX_REST_MS = 20
export const LOCAL_TURNS = 16

/** What the scheduler gives turns to. */
export interface Runnable {
  /** Works in one lane, at least one step where there is one, and on while `slice` has room. */
  work(lane: MailLane, slice: Slice): void
  /** Whether another turn in this lane would find something to do at once. */
  hasWork(lane: MailLane): boolean
  /** Which queues it stands in; kept by the scheduler. */
  readonly queued: Record<MailLane, boolean>
}

/** What is left of a turn. */
export interface Slice {
  /** Counts one step; false when the turn is over. */
  step(): boolean
  /** Time between the start of the turn and its last step. */
  readonly elapsedMs: number
}

export class Scheduler implements Slice {
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #turns: Turns
  readonly #endOfRun: () => void
  readonly #queues: Record<MailLane, Ring<Runnable>> = { local: new Ring(), remote: new Ring() }

  #isRunning = false
  #isPlanned = false
  #isYielding = false
  #localTurnsInRow = 0
  /** Work since the event loop was served last. */
  #spentMs = 0
  #spentSteps = 0
  /** The part of it that was remote. */
  #spentRemoteMs = 0
  /** What remote work still has to rest for; less than nothing where a rest took too long. */
  #owedMs = 0
  /** Since when remote work rests; null where it does not. */
  #restsSinceMs: number | null = null

  #awaitedCount = 0
  #askedAtMs = Number.NEGATIVE_INFINITY
  #turnLane: MailLane = 'local'
  #turnStartMs = 0
  #turnSteps = 0

  elapsedMs = 0
  turnCount = 0
  yieldCount = 0

  /** `endOfRun` is called once after each run, before the thread waits again. */
  constructor(clock: Clock, timers: Timers, turns: Turns, endOfRun: () => void) {
    this.#clock = clock
    this.#timers = timers
    this.#turns = turns
    this.#endOfRun = endOfRun
  }

  /** An actor has something to do in this lane. */
  ready(runnable: Runnable, lane: MailLane): void {
    if (!runnable.queued[lane]) {
      runnable.queued[lane] = true
      this.#queues[lane].push(runnable)
    }
    this.plan()
  }

  /** Another thread asked something and waits for the answer. */
  noteAsked(): void {
    this.#askedAtMs = this.#clock.monotonic()
  }

  /** A local call goes on when `work` has settled, which the event loop brings about. */
  await(work: PromiseLike<unknown>): void {
    this.#awaitedCount += 1
    const settled = (): void => {
      this.#awaitedCount -= 1
    }
    work.then(settled, settled)
  }

  /** How long the thread works before it serves its event loop, and so what a step may take, ms. */
  get runMs(): number {
    return this.#isAsked ? ASKED_RUN_MS : RUN_MS
  }

  /** As of the last look at the clock, which a step takes. */
  get #isAsked(): boolean {
    const nowMs = this.#turnStartMs + this.elapsedMs
    return this.#awaitedCount > 0 || nowMs - this.#askedAtMs < ASKED_MS
  }

  /** Sees to it that a run comes, at the latest at the end of this turn of the thread. */
  plan(): void {
    if (this.#isRunning || this.#isPlanned || this.#isYielding) return
    if (this.#spentMs >= this.runMs || this.#spentSteps >= RUN_STEPS) {
      this.#yield()
      return
    }
    this.#isPlanned = true
    this.#turns.endOfTurn(this.#runPlanned)
  }

  /**
   * Runs `deliver` and everything that it made ready, in this very turn of the thread: what an
   * event handler of the thread calls with mail that came in.
   */
  runWith(deliver: () => void): void {
    if (this.#isRunning) {
      deliver()
      return
    }
    this.#isRunning = true
    try {
      deliver()
    } finally {
      this.#isRunning = false
    }
    this.#run()
  }

  step(): boolean {
    this.#turnSteps += 1
    this.elapsedMs = this.#clock.monotonic() - this.#turnStartMs
    if (this.#turnSteps >= SLICE_STEPS) return false
    if (this.#turnLane === 'remote' && this.#queues.local.length > 0) return false
    return this.elapsedMs < Math.min(SLICE_MS, this.runMs)
  }

  readonly #runPlanned = (): void => {
    this.#isPlanned = false
    this.#run()
  }

  #run(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    try {
      while (!this.#isYielding) {
        const lane = this.#nextLane()
        if (lane === null) break
        this.#turn(lane)
        if (this.#spentMs >= this.runMs || this.#spentSteps >= RUN_STEPS) {
          this.#yield()
          break
        }
      }
    } finally {
      this.#isRunning = false
      this.#endOfRun()
    }
  }

  #nextLane(): MailLane | null {
    const { local, remote } = this.#queues
    if (remote.length === 0 || this.#restsSinceMs !== null) {
      this.#localTurnsInRow = 0
      return local.length > 0 ? 'local' : null
    }
    if (local.length > 0 && this.#localTurnsInRow < LOCAL_TURNS) {
      this.#localTurnsInRow += 1
      return 'local'
    }
    this.#localTurnsInRow = 0
    return 'remote'
  }

  #turn(lane: MailLane): void {
    const runnable = this.#queues[lane].shift() as Runnable
    runnable.queued[lane] = false
    this.#turnLane = lane
    this.#turnSteps = 0
    this.#turnStartMs = this.#clock.monotonic()
    this.elapsedMs = 0
    runnable.work(lane, this)
    this.#spentMs += this.elapsedMs
    if (lane === 'remote') this.#spentRemoteMs += this.elapsedMs
    this.#spentSteps += this.#turnSteps
    this.turnCount += 1
    if (runnable.hasWork(lane)) this.ready(runnable, lane)
  }

  #yield(): void {
    this.#isYielding = true
    this.yieldCount += 1
    if (this.#spentRemoteMs > 0 && this.#isAsked) this.#rest()
    this.#turns.soon(() => {
      this.#isYielding = false
      this.#spentMs = 0
      this.#spentRemoteMs = 0
      this.#spentSteps = 0
      this.#run()
    })
  }

  /** Keeps remote work from its turns for as long as it had them. */
  #rest(): void {
    this.#owedMs = Math.min(this.#owedMs + this.#spentRemoteMs, MAX_REST_MS)
    if (this.#restsSinceMs !== null || this.#owedMs < MIN_REST_MS) return
    this.#restsSinceMs = this.#clock.monotonic()
    this.#timers.set(this.#owedMs, this.#endRest)
  }

  readonly #endRest = (): void => {
    const nowMs = this.#clock.monotonic()
    this.#owedMs -= nowMs - this.#restsSinceMs!
    this.#restsSinceMs = nowMs
    // A timer counts from when the turn began that set it.
    if (this.#owedMs >= MIN_REST_MS) {
      this.#timers.set(this.#owedMs, this.#endRest)
      return
    }
    this.#restsSinceMs = null
    this.#owedMs = Math.max(this.#owedMs, -ASKED_RUN_MS)
    this.plan()
  }
}
