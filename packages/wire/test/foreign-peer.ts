import { once } from 'node:events'
import { createConnection, createServer } from 'node:net'
import muxrpc, { type Rpc } from 'muxrpc'
import pull from 'pull-stream'
import toPull from 'stream-to-pull-stream'
import { onTestFinished } from 'vitest'

/** npm muxrpc with its own codec, as a client of a socket. */
export async function foreignClient(path: string, manifest: object): Promise<Rpc> {
  const socket = createConnection({ path })
  await once(socket, 'connect')
  const rpc = muxrpc(manifest, {}, {})
  const stream = toPull.duplex(socket)
  pull(stream, rpc.stream, stream)
  onTestFinished(() => {
    socket.destroy()
  })
  return rpc
}

/** npm muxrpc with its own codec, as a server on a socket. */
export async function foreignServer(path: string, manifest: object, api: object): Promise<void> {
  const server = createServer((socket) => {
    const rpc = muxrpc({}, manifest, api)
    const stream = toPull.duplex(socket)
    pull(stream, rpc.stream, stream)
    onTestFinished(() => {
      socket.destroy()
    })
  })
  server.listen(path)
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
  })
}

/** A callback function's answer as a promise. */
export function answer<Value>(
  call: (callback: (error: unknown, value: Value) => void) => void,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    call((error, value) => {
      if (error === null || error === undefined || error === true) resolve(value)
      else reject(error)
    })
  })
}

/** All items of a pull source. */
export function pulled(source: unknown): Promise<unknown[]> {
  return answer((callback) => pull(source, pull.collect(callback)))
}
