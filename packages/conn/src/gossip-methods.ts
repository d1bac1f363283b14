import { isFeedId } from '@dunbar/core'
import type { Method } from '@dunbar/wire'
import { ItemStream } from '@dunbar/wire'
import { type PeerAddress, parseAddress } from './address.js'
import type { AddressEntry } from './address-book.js'
import { addressArgument, peerArgument, textArgument } from './arguments.js'
import type { ConnServices } from './conn-methods.js'
import type { ConnectionEvent } from './connections.js'
import { ConnError } from './errors.js'

/** What `gossip.enable` and `gossip.disable` switch. */
export interface GossipSwitches {
  /** Dialling by schedule. */
  switchGlobal(isOn: boolean): void
  /** Discovery in the local network. */
  switchLocal(isOn: boolean): void
  readonly maxQueuedEvents: number
}

/** A peer as older clients see it. @source npm ssb-gossip 1.1 */
type GossipPeer = Readonly<Record<string, unknown>>

/** `gossip.*` as ssb-gossip has them, for older clients. */
export function gossipMethods(services: ConnServices, switches: GossipSwitches): Method[] {
  const { book, connections } = services
  return [
    { name: 'gossip.peers', type: 'sync', handler: () => allPeers(services) },
    {
      name: 'gossip.get',
      type: 'sync',
      handler([given]) {
        const id = peerArgument('gossip.get', given)
        return allPeers(services).find(({ key }) => key === id) ?? null
      },
    },
    {
      name: 'gossip.connect',
      type: 'async',
      async handler([given]) {
        const address = knownAddress(services, 'gossip.connect', given)
        await services.connect(address)
        if (!book.has(address.text)) book.set(address, { source: 'manual' })
        return true
      },
    },
    {
      name: 'gossip.disconnect',
      type: 'async',
      async handler([given]) {
        await connections.disconnect(peerArgument('gossip.disconnect', given))
        return null
      },
    },
    { name: 'gossip.changes', type: 'source', handler: () => changes(services, switches) },
    {
      name: 'gossip.add',
      type: 'sync',
      handler([given, from]) {
        const address = addressArgument('gossip.add', given)
        const source = textArgument('gossip.add', 'source', from) ?? 'manual'
        if (address.key === services.id) return null
        const held = book.get(address.text)
        const isNearer = source === 'friends' || source === 'local'
        if (held === undefined || isNearer) book.set(address, { source })
        return peerOfEntry(services, address.text, book.get(address.text)!)
      },
    },
    {
      name: 'gossip.remove',
      type: 'sync',
      handler([given]) {
        const id = peerArgument('gossip.remove', given)
        for (const [address, { key }] of [...book.entries()]) if (key === id) book.delete(address)
        return null
      },
    },
    {
      name: 'gossip.reconnect',
      type: 'sync',
      async handler() {
        await connections.reset()
        return services.ping.clock.now()
      },
    },
    switchMethod('enable', true, switches),
    switchMethod('disable', false, switches),
  ]
}

function switchMethod(verb: 'enable' | 'disable', isOn: boolean, switches: GossipSwitches): Method {
  return {
    name: `gossip.${verb}`,
    type: 'sync',
    handler([given]) {
      const type = textArgument(`gossip.${verb}`, 'type', given) ?? 'global'
      if (type === 'global') switches.switchGlobal(isOn)
      else if (type === 'local') switches.switchLocal(isOn)
      else throw new ConnError('BAD_ARGUMENT', `gossip.${verb}: type must be global or local`, {})
      return `${verb}d gossip type ${type}`
    },
  }
}

function knownAddress({ book }: ConnServices, method: string, given: unknown): PeerAddress {
  if (!isFeedId(given)) return addressArgument(method, given)
  const address = book.addressOf(given)
  if (address !== null) return address
  throw new ConnError('ADDRESS_UNKNOWN', `no known address for peer:${given}`, { id: given })
}

/** The address book, and behind it connections with peers that are not in it. */
function allPeers(services: ConnServices): GossipPeer[] {
  const { book, connections } = services
  const remembered = [...book.entries()].map(([text, entry]) => {
    return peerOfEntry(services, text, entry)
  })
  const others = connections.list().filter(({ address }) => !book.has(address))
  return [
    ...remembered,
    ...others.map(({ address, key, data }) => peerOfEntry(services, address, { ...data, key })),
  ]
}

function peerOfEntry(services: ConnServices, text: string, entry: AddressEntry): GossipPeer {
  const link = services.connections.list().findLast(({ address }) => address === text)
  const { host = null, port = null } = parseAddress(text) ?? {}
  const { key, source = 'stored', failure = 0, duration = null } = entry
  const fields = { address: text, key, host, port, source, announcers: 1, failure, duration }
  const stateChange = link?.since ?? entry.stateChange
  return {
    ...entry,
    ...fields,
    ...(stateChange === undefined ? {} : { stateChange }),
    ...(link === undefined ? {} : { state: link.state, client: link.isDialler }),
  }
}

const CHANGE_TYPES: Readonly<Record<ConnectionEvent['type'], string | null>> = {
  connecting: null,
  'connecting-failed': 'connect-failure',
  connected: 'connect',
  disconnecting: null,
  disconnected: 'disconnect',
}

function changes(services: ConnServices, { maxQueuedEvents }: GossipSwitches) {
  const { book, connections } = services
  const stream: ItemStream<unknown> = new ItemStream(maxQueuedEvents, 'dropOldest', () => {
    for (const leave of leaving) leave()
  })
  const leaving = [
    connections.onEvent(({ type, address, key }) => {
      const change = CHANGE_TYPES[type]
      if (change === null) return
      const peer = peerOfEntry(services, address, book.get(address) ?? { key })
      stream.push({ type: change, peer })
    }),
    book.onChange(({ type, address }) => {
      const entry = book.get(address)
      if (type === 'insert' && entry !== undefined) {
        const source = entry.source ?? 'manual'
        stream.push({ type: 'discover', peer: peerOfEntry(services, address, entry), source })
      } else if (type === 'delete') {
        const key = parseAddress(address)?.key ?? null
        stream.push({ type: 'remove', peer: { address, key } })
      }
    }),
  ]
  return stream
}
