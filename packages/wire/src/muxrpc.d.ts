/** What wire uses of muxrpc 8.0.0, which ships no types. */
declare module 'muxrpc' {
  /** `true` is an orderly end, an object an error. */
  type PullEnd = true | object
  type PullCallback = (end: PullEnd | null, value?: unknown) => void
  type PullSource = (abort: PullEnd | null, callback: PullCallback) => void
  type PullSink = (read: PullSource) => void
  interface PullDuplex {
    readonly source: PullSource
    readonly sink: PullSink
  }

  /** One frame, decoded. */
  interface Packet {
    readonly req: number
    readonly stream?: boolean
    readonly end?: boolean
    readonly value: unknown
  }

  /** What a codec returns; muxrpc adds its own methods to it. */
  interface Transport {
    remoteCall?(type: string, name: readonly string[], args: unknown, callback?: unknown): unknown
  }

  interface Muxrpc {
    readonly stream: {
      remoteCall(
        type: string,
        name: readonly string[],
        args: unknown,
        callback?: (error: unknown, value?: unknown) => void,
      ): unknown
    }
    close(error: unknown, callback: (error?: unknown) => void): void
  }

  function createMuxrpc(
    remoteManifest: object,
    localManifest: object,
    localApi: object,
    permissions: undefined,
    codec: (packets: PullDuplex) => Transport,
  ): Muxrpc

  namespace createMuxrpc {
    export type {
      Muxrpc,
      Packet,
      PullCallback,
      PullDuplex,
      PullEnd,
      PullSink,
      PullSource,
      Transport,
    }
  }
  export = createMuxrpc
}

/** What wire uses of pull-stream 3.7.0, which ships no types. */
declare module 'pull-stream' {
  import type { PullEnd, PullSource } from 'muxrpc'

  interface Drain {
    (read: PullSource): void
    abort(reason: PullEnd, callback: () => void): void
  }

  const pull: {
    drain(each: (value: unknown) => unknown, done: (end: PullEnd | null) => void): Drain
  }
  export = pull
}
