import type { Clock, Timers } from './ports.js'

/**
 * All the deadlines of a kernel on one timer of the machine: a hashed timing wheel.
 *
 * Time is cut into ticks. A deadline hangs in the slot `tick mod SLOTS`, in a doubly linked ring of
 * its own links, so that setting one and taking it back cost a few assignments and nothing else:
 * nearly every call is answered long before its deadline. The timer of the machine is set to the
 * earliest slot that is not empty; when it fires, the slots up to the current tick are walked and
 * what belongs to a later round stays. A deadline never fires early and at most about a tick late.
 *
 * Source: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987, scheme 6.
 */

/** Coarse on purpose: deadlines are in the hundreds of ms, and one wake-up serves a whole tick. */
export const TICK_MS = 10
const SLOTS = 1_024

/** A place in a slot's ring; the ring's head points to itself while the slot is empty. */
interface Linked {
  previous: Linked
  next: Linked
}

/** One deadline. Owned by who set it. */
export class Deadline implements Linked {
  previous: Linked = this
  next: Linked = this
  tick = 0
  readonly run: () => void

  constructor(run: () => void) {
    this.run = run
  }

  get isSet(): boolean {
    return this.next !== this
  }
}

export class DeadlineWheel {
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #slots: Linked[] = Array.from({ length: SLOTS }, emptySlot)
  #count = 0
  /** Every slot up to this tick has been walked. */
  #walkedTick: number
  #armedTick = Number.POSITIVE_INFINITY
  #disarm: () => void = () => {}

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock
    this.#timers = timers
    this.#walkedTick = this.#currentTick()
  }

  get length(): number {
    return this.#count
  }

  /** Runs `run` once, `delayMs` from now. */
  after(delayMs: number, run: () => void): Deadline {
    const deadline = new Deadline(run)
    this.set(deadline, delayMs)
    return deadline
  }

  /** Sets a deadline, again where it was set. */
  set(deadline: Deadline, delayMs: number): void {
    if (deadline.isSet) this.clear(deadline)
    const dueMs = this.#clock.monotonic() + Math.max(0, delayMs)
    if (this.#count === 0) this.#walkedTick = this.#currentTick()
    deadline.tick = Math.max(Math.ceil(dueMs / TICK_MS), this.#walkedTick + 1)
    append(this.#slot(deadline.tick), deadline)
    this.#count += 1
    if (deadline.tick < this.#armedTick) this.#arm(deadline.tick)
  }

  /** Takes a deadline back; does nothing where it is not set. */
  clear(deadline: Deadline): void {
    if (!deadline.isSet) return
    unlink(deadline)
    this.#count -= 1
  }

  /** Lets go of the machine's timer; deadlines that are set never run. */
  stop(): void {
    this.#disarm()
    this.#disarm = () => {}
    this.#armedTick = Number.NEGATIVE_INFINITY
  }

  #arm(tick: number): void {
    this.#disarm()
    this.#armedTick = tick
    const delayMs = tick * TICK_MS - this.#clock.monotonic()
    this.#disarm = this.#timers.set(Math.max(0, delayMs), () => this.#fire())
  }

  #fire(): void {
    this.#armedTick = Number.POSITIVE_INFINITY
    const now = this.#currentTick()
    // After a long sleep every slot is due; walking each once is enough.
    const firstTick = Math.max(this.#walkedTick + 1, now - SLOTS + 1)
    this.#walkedTick = Math.max(this.#walkedTick, now)
    const due: Deadline[] = []
    for (let tick = firstTick; tick <= now; tick += 1) {
      const head = this.#slot(tick)
      for (let at = head.next; at !== head; ) {
        const deadline = at as Deadline
        at = at.next
        if (deadline.tick > now) continue
        unlink(deadline)
        this.#count -= 1
        due.push(deadline)
      }
    }
    this.#armEarliest()
    for (const deadline of due) deadline.run()
  }

  #armEarliest(): void {
    if (this.#count === 0) return
    for (let tick = this.#walkedTick + 1; tick <= this.#walkedTick + SLOTS; tick += 1) {
      const head = this.#slot(tick)
      if (head.next === head) continue
      this.#arm(tick)
      return
    }
  }

  #slot(tick: number): Linked {
    return this.#slots[tick % SLOTS] as Linked
  }

  #currentTick(): number {
    return Math.floor(this.#clock.monotonic() / TICK_MS)
  }
}

function emptySlot(): Linked {
  const head = {} as Linked
  head.previous = head
  head.next = head
  return head
}

function append(head: Linked, deadline: Deadline): void {
  deadline.previous = head.previous
  deadline.next = head
  head.previous.next = deadline
  head.previous = deadline
}

function unlink(deadline: Deadline): void {
  deadline.previous.next = deadline.next
  deadline.next.previous = deadline.previous
  deadline.previous = deadline
  deadline.next = deadline
}
