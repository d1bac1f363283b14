import { onTestFinished } from 'vitest'
import {
  type ConnectUnixOptions,
  connectUnix,
  type Method,
  methodTable,
  type Peer,
  type ServeUnixOptions,
  serveUnixSocket,
  type UnixServer,
} from '../src/index.js'
import { temporarySocketPath } from './temp-folder.js'

/** A server on a socket of its own, closed when the test ends. */
export async function served(
  methods: readonly Method[],
  options: Partial<ServeUnixOptions> = {},
): Promise<UnixServer> {
  const path = temporarySocketPath()
  const server = await serveUnixSocket({ path, methods: methodTable(methods), ...options })
  onTestFinished(() => server.close())
  return server
}

/** Our own client of a server, closed when the test ends. */
export async function connected(
  server: UnixServer,
  options: Partial<ConnectUnixOptions> = {},
): Promise<Peer> {
  const peer = await connectUnix({ path: server.path, ...options })
  onTestFinished(() => peer.close())
  return peer
}

/** A promise and what settles it. */
export function deferred<Value>(): {
  readonly promise: Promise<Value>
  resolve(value: Value): void
} {
  let resolve: (value: Value) => void = () => {}
  const promise = new Promise<Value>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

/** All items. */
export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = []
  for await (const item of items) all.push(item)
  return all
}

/** Turns of the event loop pass until the claim holds; a claim that never does ends with the test's time. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

/** Gives nothing and never ends. */
export const never: AsyncIterable<never> = {
  [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
}
