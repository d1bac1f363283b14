declare module 'epidemic-broadcast-trees' {
  interface Message {
    readonly author: string
    readonly sequence: number
    readonly content: unknown
  }
  interface Sink {
    paused: boolean
    write(item: unknown): void
    end(error?: unknown): void
  }
  interface EbtStream {
    pipe(sink: Sink): Sink
    write(item: unknown): void
    resume(): void
    end(error?: unknown): void
  }
  interface Ebt {
    readonly state: { clock: Record<string, number> }
    request(id: string, follows?: boolean): void
    block(id: string, target: string, isBlocked?: boolean): void
    onAppend(message: Message): void
    createStream(remote: string, version: number, isClient: boolean): EbtStream
  }
  function createEbt(options: {
    id: string
    timeout?: number
    getClock(id: string, callback: (error: unknown, clock: Record<string, number>) => void): void
    setClock(id: string, clock: Record<string, number>): void
    getAt(
      at: { id: string; sequence: number },
      callback: (error: unknown, message: Message | null) => void,
    ): void
    append(message: Message, callback: (error: unknown) => void): void
    isFeed(id: unknown): boolean
  }): Ebt
  export = createEbt
}
