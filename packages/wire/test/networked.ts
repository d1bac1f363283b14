import { generateKeys } from '@dunbar/core'
import { onTestFinished } from 'vitest'
import {
  type DialTcpOptions,
  dialTcp,
  type Method,
  methodTable,
  type SecurePeer,
  type ServeTcpOptions,
  serveTcp,
  type TcpServer,
} from '../src/index.js'

export const networkKey = Buffer.alloc(32, 3)
export const alice = generateKeys(Buffer.alloc(32, 1))
export const bob = generateKeys(Buffer.alloc(32, 2))

/** Bob, who serves on a port of his own and lets everyone in; closed when the test ends. */
export async function listening(
  methods: readonly Method[],
  options: Partial<ServeTcpOptions> = {},
): Promise<TcpServer> {
  const table = methodTable(methods)
  const server = await serveTcp({
    host: '127.0.0.1',
    port: 0,
    keys: bob,
    networkKey,
    authorize: () => true,
    methodsFor: () => table,
    onPeer: () => {},
    ...options,
  })
  onTestFinished(() => server.close())
  return server
}

/** Alice, who dials Bob and serves nothing; closed when the test ends. */
export async function dialled(
  server: { readonly port: number },
  options: Partial<DialTcpOptions> = {},
): Promise<SecurePeer> {
  const peer = await dialTcp({
    host: '127.0.0.1',
    port: server.port,
    remoteKey: bob.publicKey,
    keys: alice,
    networkKey,
    methods: methodTable([]),
    ...options,
  })
  onTestFinished(() => peer.connection.close())
  return peer
}
