import type { ByteDuplex, ByteDuplexEvents } from '@dunbar/wire'

/** One end of a pipe in memory. What is written arrives in a later microtask. */
class PipeEnd implements ByteDuplex {
  other: PipeEnd | null = null
  #events: ByteDuplexEvents | null = null
  #waiting: ((events: ByteDuplexEvents) => void)[] = []
  #isPaused = false
  #isOver = false
  #isEnded = false

  start(events: ByteDuplexEvents): void {
    this.#events = events
    this.#deliver()
  }

  write(bytes: Uint8Array, done: () => void): void {
    const copy = Buffer.from(bytes)
    queueMicrotask(() => {
      if (this.#isOver) return
      this.other?.arrive((events) => events.bytes(copy))
      done()
    })
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#deliver()
  }

  end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    queueMicrotask(() => {
      this.other?.arrive((events) => events.end())
      if (this.other === null || this.other.#isEnded) this.destroy()
    })
  }

  destroy(): void {
    if (this.#isOver) return
    this.#isOver = true
    queueMicrotask(() => {
      this.#events?.close()
      this.other?.destroy()
    })
  }

  arrive(event: (events: ByteDuplexEvents) => void): void {
    this.#waiting.push(event)
    this.#deliver()
  }

  #deliver(): void {
    while (this.#events !== null && !this.#isPaused && !this.#isOver) {
      const event = this.#waiting.shift()
      if (event === undefined) return
      event(this.#events)
    }
  }
}

/** The two ends of a pipe in memory, which needs no time and no machine. */
export function memoryPipe(): readonly [ByteDuplex, ByteDuplex] {
  const [one, other] = [new PipeEnd(), new PipeEnd()]
  one.other = other
  other.other = one
  return [one, other]
}
