import type { Writable } from 'node:stream'
import { Mistake, OutputClosed } from './mistake.js'

/** Where a command writes its results. Waits while the reader is slower than we are. */
export class Output {
  readonly #stream: Writable
  readonly #closed = new AbortController()

  constructor(stream: Writable) {
    this.#stream = stream
    stream.on('error', (error: NodeJS.ErrnoException) => {
      const isReaderGone = error.code === 'EPIPE' || error.code === 'ECONNRESET'
      const mistake = () => new Mistake(`the output can't be written (${error.code})`)
      this.#closed.abort(isReaderGone ? new OutputClosed() : mistake())
    })
  }

  /** Aborts when the reader has gone away, or the output can't be written; the reason says which. */
  get closed(): AbortSignal {
    return this.#closed.signal
  }

  /**
   * Writes text or bytes; resolves when more may be written.
   * @throws {OutputClosed} when nobody reads any more
   * @throws {Mistake} when writing failed
   */
  async write(chunk: string | Uint8Array): Promise<void> {
    this.#closed.signal.throwIfAborted()
    if (this.#stream.write(chunk)) return
    await new Promise<void>((resolve, reject) => {
      const settle = () => {
        this.#stream.off('drain', settle)
        this.#closed.signal.removeEventListener('abort', settle)
        if (this.#closed.signal.aborted) reject(this.#closed.signal.reason)
        else resolve()
      }
      this.#stream.on('drain', settle)
      this.#closed.signal.addEventListener('abort', settle)
    })
  }

  /** A line of text. */
  line(text = ''): Promise<void> {
    return this.write(`${text}\n`)
  }

  /** A value as JSON on a line of its own. */
  json(value: unknown): Promise<void> {
    return this.line(JSON.stringify(value))
  }

  /** Resolves when everything has left the process or nothing more can be written. */
  flush(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed.signal.aborted) resolve()
      else this.#stream.write('', () => resolve())
    })
  }
}
