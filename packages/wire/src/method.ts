import type { RpcConnection } from './connection.js'
import type { ReceivedBatch } from './received.js'

/** What a handler knows of the call that it answers. */
export interface MethodCall {
  /** Aborted when the caller leaves the stream or the connection ends. */
  readonly signal: AbortSignal
  readonly connection: RpcConnection
  /**
   * What the caller sends on a sink or a duplex: values, strings, and bytes, which are views of
   * received memory (copy what is to be kept). Ends with the caller's stream; throws where the
   * caller failed or the connection ended. Empty for the other types.
   */
  readonly input: AsyncIterableIterator<unknown>
  /**
   * The same, not parsed, as many items at a time as came together, for methods that say
   * `rawInput`; `input` is empty for those, and `batches` is for all others.
   */
  readonly batches: AsyncIterableIterator<ReceivedBatch>
}

/** How a method is listed in the manifest; `sync` is called as `async`. */
export type MethodType = 'sync' | 'async' | 'source' | 'sink' | 'duplex'

/** One method that is served. */
export interface Method {
  /** Full dotted name, `blobs.add`. */
  readonly name: string
  readonly type: MethodType
  /** True where the handler takes what the caller sends as `batches`. */
  readonly rawInput?: boolean
  /** Bytes that one JSON or text item of the caller may have, in place of the limit for all frames. */
  readonly itemBytes?: number
  /**
   * What is returned depends on the type.
   * - `sync`, `async`: the answer or a promise of it; a `RawJson`'s bytes are sent as they are.
   * - `source`, `duplex`: an async iterable of values, `RawJson`, `Uint8Array` and `RawBatch`, each
   *   of which is many items. It is asked for the next one only while the caller takes; its
   *   `return` is called when the caller leaves. muxrpc knows no half-open duplex: when the caller
   *   ends its side, the iterable is left as well.
   * - `sink`: a promise; the caller learns of the end when it settles.
   *
   * What it throws is told to the caller: text and code of coded errors, `internal error` for all
   * others.
   */
  handler(args: readonly unknown[], call: MethodCall): unknown
}

/** Methods by full dotted name. */
export type MethodTable = ReadonlyMap<string, Method>

/** What a method is called as: `sync` ones as `async`. */
export type CallType = 'async' | 'source' | 'sink' | 'duplex'

/** The method's type on the wire. */
export function callTypeOf(method: Method): CallType {
  return method.type === 'sync' ? 'async' : method.type
}
