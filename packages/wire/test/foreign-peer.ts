import { once } from 'node:events'
import { createConnection, createServer, type Socket } from 'node:net'
import type { Keys } from '@dunbar/core'
import muxrpc, { type Rpc } from 'muxrpc'
import pull from 'pull-stream'
import secretHandshake from 'secret-handshake'
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

/** Who a foreign peer is, in the form that npm secret-handshake takes. */
function foreignKeys({ publicKey, secretKey }: Keys) {
  return { publicKey: Buffer.from(publicKey), secretKey: Buffer.from(secretKey) }
}

/** npm secret-handshake and muxrpc, as a caller over TCP; rejects where the handshake fails. */
export async function foreignCaller(options: {
  readonly port: number
  readonly keys: Keys
  readonly remoteKey: Uint8Array
  readonly networkKey: Buffer
  /** What the other side serves. */
  readonly manifest: object
  readonly localManifest?: object
  readonly localApi?: object
}): Promise<{ readonly rpc: Rpc; readonly socket: Socket }> {
  const socket = createConnection({ host: '127.0.0.1', port: options.port })
  onTestFinished(() => {
    socket.destroy()
  })
  await once(socket, 'connect')
  const connect = secretHandshake.createClient(foreignKeys(options.keys), options.networkKey)
  const stream = toPull.duplex(socket)
  return new Promise((resolve, reject) => {
    const shaking = connect(Buffer.from(options.remoteKey), (error, secure) => {
      if (error !== null) {
        reject(error)
        return
      }
      const { manifest, localManifest = {}, localApi = {} } = options
      const rpc = muxrpc(manifest, localManifest, localApi)
      pull(secure, rpc.stream, secure)
      resolve({ rpc, socket })
    })
    pull(stream, shaking, stream)
  })
}

/** npm secret-handshake and muxrpc, listening on a TCP port that is given back. */
export async function foreignListener(options: {
  readonly keys: Keys
  readonly networkKey: Buffer
  readonly manifest: object
  readonly api: object
  readonly authorize?: (id: Buffer) => boolean
  /** Each caller that got in. */
  readonly onRpc?: (rpc: Rpc) => void
}): Promise<number> {
  const accept = secretHandshake.createServer(
    foreignKeys(options.keys),
    (id, done) => done(null, options.authorize?.(id) ?? true),
    options.networkKey,
  )
  const server = createServer((socket) => {
    onTestFinished(() => {
      socket.destroy()
    })
    const stream = toPull.duplex(socket)
    const shaking = accept((error, secure) => {
      if (error !== null) return
      const rpc = muxrpc({ whoami: 'sync' }, options.manifest, options.api)
      pull(secure, rpc.stream, secure)
      options.onRpc?.(rpc)
    })
    pull(stream, shaking, stream)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
  })
  return (server.address() as { port: number }).port
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
