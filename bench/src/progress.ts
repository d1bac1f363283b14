/** One line on stderr that tells what is being done; where it is no terminal, a line each. */
export class Progress {
  readonly #out: NodeJS.WriteStream
  readonly #startedAt = performance.now()
  #workload = ''

  constructor(out: NodeJS.WriteStream = process.stderr) {
    this.#out = out
  }

  /** Begins a part: "3/12 import". */
  begin(workload: string): void {
    this.#workload = workload
    this.say('')
  }

  say(what: string): void {
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(0).padStart(4)
    const text = `${seconds} s  ${[this.#workload, what].filter(Boolean).join(': ')}`
    if (!this.#out.isTTY) {
      this.#out.write(`${text}\n`)
      return
    }
    this.#out.clearLine(0)
    this.#out.cursorTo(0)
    this.#out.write(text.slice(0, this.#out.columns - 1))
  }

  /** Stays on the screen. */
  fail(why: string): void {
    this.end()
    this.#out.write(`${this.#workload} failed: ${why}\n`)
  }

  end(): void {
    if (this.#out.isTTY) this.#out.write('\n')
  }
}
