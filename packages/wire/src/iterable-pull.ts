import type { PullCallback, PullEnd, PullSource } from 'muxrpc'
import type { Outbox, SendAccount } from './outbox.js'
import { encodeBody, RawBatch } from './raw.js'

/** What a pull source needs of its connection. */
export interface PullContext {
  readonly outbox: Outbox
  readonly account: SendAccount
  readonly maxBodyBytes: number
  /** Runs code that reaches into muxrpc; what it throws closes the connection. */
  guard(run: () => void): void
  /** The input threw, or gave what can't be sent; the stream ends behind this call. */
  onFailure(error: unknown): void
  /** The other side wants no more; called before the iterator's `return`. */
  onAbort(): void
  /** The iterator has finished, or has been told to; called once. */
  onSettled(): void
}

const FAILED: PullEnd = { name: 'Error', message: '', stack: '' }

/**
 * An async iterable as the pull source that muxrpc wants. muxrpc drains sources as fast as they
 * give, so the waiting is done here: the iterator is asked for the next item only while the
 * connection takes more of this stream. `stop` ends it from this side.
 */
export function pullFromIterable(
  input: AsyncIterable<unknown>,
  context: PullContext,
): { readonly source: PullSource; stop(): void } {
  let iterator: AsyncIterator<unknown> | null = null
  let waiting: PullCallback | null = null
  let isEnded = false
  let isSettled = false

  const settle = (): void => {
    if (isSettled) return
    isSettled = true
    context.onSettled()
  }

  const answer = (end: PullEnd | null, value?: unknown): void => {
    const callback = waiting
    if (callback === null) return
    waiting = null
    context.guard(() => callback(end, value))
  }

  const leave = (): void => {
    isEnded = true
    context.outbox.forget(context.account)
    let left: unknown
    try {
      left = iterator?.return?.()
    } catch {
      left = undefined
    }
    Promise.resolve(left).then(settle, settle)
  }

  const fail = (error: unknown): void => {
    if (isEnded) return
    isEnded = true
    context.onFailure(error)
    answer(FAILED)
    settle()
  }

  const onStep = (step: IteratorResult<unknown>): void => {
    if (isEnded) return
    if (step.done === true) {
      isEnded = true
      answer(true)
      settle()
      return
    }
    let item: unknown
    try {
      item =
        step.value instanceof RawBatch ? step.value : encodeBody(step.value, context.maxBodyBytes)
    } catch (error) {
      context.onFailure(error)
      leave()
      answer(FAILED)
      return
    }
    if (item === null) pull()
    else answer(null, item)
  }

  const pull = (): void => {
    if (isEnded) return
    if (!context.outbox.canGive(context.account)) {
      context.outbox.whenReady(context.account, pull)
      return
    }
    try {
      iterator ??= input[Symbol.asyncIterator]()
      Promise.resolve(iterator.next()).then(onStep, fail)
    } catch (error) {
      fail(error)
    }
  }

  const stop = (): void => {
    if (isEnded) return
    context.onAbort()
    leave()
    answer(true)
  }

  const source: PullSource = (abort, callback) => {
    if (abort !== null && abort !== undefined) {
      stop()
      callback(abort)
    } else if (isEnded) {
      callback(true)
    } else {
      waiting = callback
      pull()
    }
  }

  return { source, stop }
}
