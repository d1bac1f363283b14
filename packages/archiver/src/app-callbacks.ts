import type { Timers } from '@dunbar/actor'
import { ItemStream } from '@dunbar/wire'

/**
 * Callbacks of an app on the other end of a duplex. The node asks `{ask: 1, …}`, the app answers
 * `{ask: 1, answer: 0}` or `{ask: 1, error: '…'}`; what needs no answer is told without `ask`. An app
 * that is gone, fails, or keeps the node waiting has said no.
 */

/** Why work that an app was asked for does not go on. */
export type CancelReason =
  /** The app said so, with a negative number. */
  | 'PRECONDITION_CANCELLED'
  /** The app's callback threw, or gave something that is no whole number. */
  | 'PRECONDITION_FAILED'
  /** The app left before it answered. */
  | 'PRECONDITION_GONE'
  /** No answer within a minute. */
  | 'PRECONDITION_TIMEOUT'
  /** The app said "later" too often. */
  | 'PRECONDITION_UNDECIDED'

/** What came of a question. */
export type Answer =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'none'; readonly reason: CancelReason }

/** For one answer: an app may have to ask its user's settings, not its user. */
export const ANSWER_MS = 60_000
/** Items that may wait for an app that does not read. */
const MAX_WAITING = 256

export class AppCallbacks {
  readonly #timers: Timers
  readonly #output: ItemStream<object>
  readonly #open = new Map<number, (answer: Answer) => void>()
  #lastQuestion = 0
  #isGone = false

  /** @param onLeave runs once, when the app has gone or was sent away */
  constructor(timers: Timers, onLeave: () => void) {
    this.#timers = timers
    this.#output = new ItemStream(MAX_WAITING, 'fail', () => {
      this.#isGone = true
      for (const answer of [...this.#open.values()]) answer(none('PRECONDITION_GONE'))
      onLeave()
    })
    this.tell({ ready: true })
  }

  /** What goes to the app: `{ready: true}` first, so that it knows that it is registered. */
  get output(): AsyncIterableIterator<object> {
    return this.#output
  }

  /** Tells something that needs no answer. */
  tell(item: object): void {
    this.#output.push(item)
  }

  /** Asks for a number; never rejects. */
  ask(about: object): Promise<Answer> {
    if (this.#isGone) return Promise.resolve(none('PRECONDITION_GONE'))
    this.#lastQuestion += 1
    const question = this.#lastQuestion
    return new Promise((resolve) => {
      const cancel = this.#timers.set(ANSWER_MS, () => settle(none('PRECONDITION_TIMEOUT')))
      const settle = (answer: Answer): void => {
        if (!this.#open.delete(question)) return
        cancel()
        resolve(answer)
      }
      this.#open.set(question, settle)
      this.tell({ ask: question, ...about })
    })
  }

  /** Reads the app's answers until it leaves; never rejects. */
  async read(input: AsyncIterable<unknown>): Promise<void> {
    try {
      for await (const item of input) this.#receive(item)
    } catch {
      // The connection ended, which is how apps leave.
    }
    this.end()
  }

  /** Sends the app away. */
  end(): void {
    this.#output.end()
  }

  /** What answers no open question is passed over: an answer may come after its time. */
  #receive(item: unknown): void {
    if (typeof item !== 'object' || item === null) return
    const { ask, answer } = item as { readonly ask?: unknown; readonly answer?: unknown }
    const settle = typeof ask === 'number' ? this.#open.get(ask) : undefined
    const isNumber = typeof answer === 'number' && Number.isSafeInteger(answer)
    settle?.(isNumber ? { kind: 'number', value: answer } : none('PRECONDITION_FAILED'))
  }
}

const none = (reason: CancelReason): Answer => ({ kind: 'none', reason })
