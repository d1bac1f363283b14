import type { FeedId } from '@dunbar/core'
import type { SecurePeer } from '@dunbar/wire'
import { ItemStream, type Method, type MethodCall, RawJson } from '@dunbar/wire'
import type { PeerAddress } from './address.js'
import type { AddressBook } from './address-book.js'
import { addressArgument, fieldsArgument, peerArgument, textArgument } from './arguments.js'
import type { Connections, ConnectOptions } from './connections.js'
import type { OwnAddresses, Scope } from './own-addresses.js'
import { Ping, type PingOptions } from './ping.js'
import type { Staging } from './staging.js'

/** What the methods of this room work on. */
export interface ConnServices {
  readonly id: FeedId
  readonly book: AddressBook
  readonly staging: Staging
  readonly connections: Connections
  readonly addresses: OwnAddresses
  readonly ping: PingOptions
  connect(address: PeerAddress, options?: ConnectOptions): Promise<SecurePeer>
  /** Dialling by schedule, and discovery in the local network. */
  start(): void
  stop(): Promise<void>
}

/** `conn.*` as ssb-conn has them, for local clients, and `address`. @source npm ssb-conn 6 */
export function connMethods(services: ConnServices): Method[] {
  const { book, staging, connections } = services
  return [
    {
      name: 'conn.connect',
      type: 'async',
      async handler([given, data]) {
        const address = addressArgument('conn.connect', given)
        const options = { data: fieldsArgument('conn.connect', data) }
        const peer = await services.connect(address, options)
        return { id: peer.remoteId, address: peer.address }
      },
    },
    {
      name: 'conn.disconnect',
      type: 'async',
      handler: ([given]) => connections.disconnect(peerArgument('conn.disconnect', given)),
    },
    { name: 'conn.peers', type: 'source', handler: () => livePeers(services) },
    { name: 'conn.dbPeers', type: 'sync', handler: () => [...book.entries()] },
    { name: 'conn.stagedPeers', type: 'source', handler: () => liveStagedPeers(services) },
    {
      name: 'conn.remember',
      type: 'sync',
      handler([given, data]) {
        const address = addressArgument('conn.remember', given)
        book.set(address, fieldsArgument('conn.remember', data))
        return null
      },
    },
    {
      name: 'conn.forget',
      type: 'sync',
      handler([given]) {
        book.delete(addressArgument('conn.forget', given).text)
        return null
      },
    },
    {
      name: 'conn.stage',
      type: 'sync',
      handler([given, data]) {
        const address = addressArgument('conn.stage', given)
        const fields = fieldsArgument('conn.stage', data ?? { type: 'internet' })
        if (connections.isConnected(address.key) || address.key === services.id) return false
        return staging.stage(address, fields)
      },
    },
    {
      name: 'conn.unstage',
      type: 'sync',
      handler: ([given]) => staging.unstage(addressArgument('conn.unstage', given).text),
    },
    {
      name: 'conn.start',
      type: 'sync',
      handler() {
        services.start()
        return null
      },
    },
    {
      name: 'conn.stop',
      type: 'sync',
      async handler() {
        await services.stop()
        return null
      },
    },
    addressMethod('address', services.addresses),
    addressMethod('getAddress', services.addresses),
  ]
}

/** `gossip.ping` and its newer name: both sides take turns. */
export function pingMethods(options: PingOptions): Method[] {
  const handler = (_: readonly unknown[], call: MethodCall): AsyncIterable<unknown> => {
    const ping = new Ping(options)
    void ping.read(call.input)
    return ping.output
  }
  return [
    { name: 'gossip.ping', type: 'duplex', handler },
    { name: 'conn.ping', type: 'duplex', handler },
  ]
}

/** Where this node is to be found; for peers, what is meant for them. */
export function addressMethod(
  name: string,
  addresses: OwnAddresses,
  only: Scope | null = null,
): Method {
  return {
    name,
    type: 'sync',
    handler: ([given]) => addresses.text(only ?? scopeArgument(name, given)),
  }
}

function scopeArgument(method: string, value: unknown): Scope {
  const scope = textArgument(method, 'scope', value)
  return scope === 'public' || scope === 'local' || scope === 'private' ? scope : 'device'
}

/** All connections, again whenever one changes; a slow reader gets the newest state. */
function livePeers({ connections }: ConnServices): AsyncIterable<unknown> {
  const stream: ItemStream<RawJson> = new ItemStream(1, 'dropOldest', () => leave())
  const push = (): void => {
    const peers = connections.list().map(({ address, key, state, data, birth, since }) => {
      return [address, { ...data, key, state, hubBirth: birth, hubUpdated: since }]
    })
    stream.push(new RawJson(Buffer.from(JSON.stringify(peers))))
  }
  const leave = connections.onEvent(push)
  push()
  return stream
}

function liveStagedPeers({ staging }: ConnServices): AsyncIterable<unknown> {
  const stream: ItemStream<RawJson> = new ItemStream(1, 'dropOldest', () => leave())
  const push = (): void => {
    stream.push(new RawJson(Buffer.from(JSON.stringify([...staging.entries()]))))
  }
  const leave = staging.onChange(push)
  push()
  return stream
}
