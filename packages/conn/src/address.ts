/**
 * Addresses of peers, in every form that is about: multiserver addresses, several of them joined by
 * `;`, `host:port:@key.ed25519`, `{ host, port, key }`, and SSB URIs around a multiserver address.
 * Whatever breaks the rules is null. IPv6 colons are read with and without escapes, since the port
 * is taken from the right, and printed without, as every implementation reads that.
 * @source protocol digest 10.1; behaviour of npm ssb-ref 2.16
 */
import { type FeedId, feedIdToBytes, isFeedId, isLowOrderKey } from '@dunbar/core'
import { isHost } from './host.js'
import {
  decodeMultiserver,
  encodeProtocols,
  MAX_ADDRESS_LENGTH,
  type Protocol,
} from './multiserver.js'

/** Where a known identity can be reached. Holds no secret: the seed of an invite is not in it. */
export interface PeerAddress {
  /** `net` is the one that is dialled; `ws`, `wss`, `onion`, `tunnel`, … are known by name only. */
  readonly transport: string
  /** Null where the transport has none. */
  readonly host: string | null
  readonly port: number | null
  readonly key: FeedId
  /** The multiserver address in canonical text; the name of this address everywhere. */
  readonly text: string
}

/** TCP port of a peer that names none. */
export const DEFAULT_PORT = 8008

/**
 * The address in a text or an object; of several joined by `;` the first that can be dialled, else
 * the first. Null for what is no address of a known identity. An invite code gives its address.
 */
export function parseAddress(given: unknown): PeerAddress | null {
  const all = parseAddresses(given)
  return all.find(isDialable) ?? all[0] ?? null
}

/** All addresses in a text or an object, in their order; those that name no identity are left out. */
export function parseAddresses(given: unknown): readonly PeerAddress[] {
  if (typeof given === 'object' && given !== null) return addressesOfObject(given)
  if (typeof given !== 'string' || given.length > MAX_ADDRESS_LENGTH) return []
  const text = withoutFragment(withoutUri(given.trim()))
  const decoded = decodeMultiserver(text)
  const found = (decoded ?? []).flatMap((protocols) => addressOf(protocols) ?? [])
  if (found.length > 0) return found
  const legacy = parseLegacy(text)
  return legacy === null ? [] : [legacy]
}

/** A TCP address; null where host, port or key is none. */
export function netAddress(host: string, port: number, key: FeedId): PeerAddress | null {
  return hostAddress(/\.onion$/i.test(host) ? 'onion' : 'net', host, port, key)
}

/** Whether this node knows how to connect there. */
export function isDialable(address: Pick<PeerAddress, 'transport'>): boolean {
  return address.transport === 'net'
}

/** The old text form, `host:port:@key.ed25519`; null where the transport has no host and port. */
export function legacyText({ host, port, key }: PeerAddress): string | null {
  return host === null || port === null ? null : `${host}:${port}:${key}`
}

/** The identity behind the `shs` protocol of an address; null where there is none, or one that anybody could be. */
export function keyOfProtocols(protocols: readonly Protocol[]): FeedId | null {
  const shs = protocols.find(({ name }, at) => at > 0 && name === 'shs')
  if (shs === undefined || shs.data.length < 1 || shs.data.length > 2) return null
  return usableKey(`@${shs.data[0]}.ed25519`)
}

/** The address that these protocols make. */
export function addressOf(protocols: readonly Protocol[]): PeerAddress | null {
  const key = keyOfProtocols(protocols)
  if (key === null) return null
  const [{ name, data }] = protocols as readonly [Protocol]
  if (name === 'net' || name === 'onion') {
    const port = portOf(data.at(-1) ?? '')
    return port === null ? null : hostAddress(name, data.slice(0, -1).join(':'), port, key)
  }
  const text = encodeProtocols(protocols.map(withoutSeed))
  if (name !== 'ws' && name !== 'wss') return { transport: name, host: null, port: null, key, text }
  const place = /^(?:\/\/)?(\[[^\]]*\]|[^/:]*)(?::(\d{1,5}))?(?:\/.*)?$/.exec(data.join(':'))
  if (place === null) return null
  const host = withoutBrackets(place[1]!)
  const port = place[2] === undefined ? (name === 'ws' ? 80 : 443) : portOf(place[2])
  return port !== null && isHost(host) ? { transport: name, host, port, key, text } : null
}

/** `host:port:@key.ed25519`; the port may be left empty. */
function parseLegacy(text: string): PeerAddress | null {
  const match = /^(.+):(\d{0,5}):(@[^~]+)(?:~[A-Za-z0-9/+]{43}=)?$/.exec(text)
  if (match === null) return null
  const [, host, portText, id] = match as unknown as readonly [string, string, string, string]
  return fromParts(host, portText === '' ? DEFAULT_PORT : portOf(portText), id)
}

function addressesOfObject(given: object): readonly PeerAddress[] {
  const { address, host, port, key } = given as Readonly<Record<string, unknown>>
  if (typeof address === 'string') return parseAddresses(address)
  if (typeof host !== 'string' || typeof key !== 'string') return []
  const asText = typeof port === 'string' ? portOf(port) : port
  const found = fromParts(host, asText === undefined ? DEFAULT_PORT : asText, key)
  return found === null ? [] : [found]
}

function fromParts(host: string, port: unknown, id: string): PeerAddress | null {
  const key = usableKey(id)
  if (key === null || typeof port !== 'number') return null
  const web = /^(wss?):(.*)$/.exec(host)
  if (web === null) return netAddress(host, port, key)
  const shs = { name: 'shs', data: [key.slice(1, -'.ed25519'.length)] }
  return addressOf([{ name: web[1]!, data: [...web[2]!.split(':'), String(port)] }, shs])
}

function hostAddress(
  transport: string,
  given: string,
  port: number,
  key: FeedId,
): PeerAddress | null {
  const host = withoutBrackets(given)
  if (usableKey(key) === null || !isHost(host)) return null
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return null
  const text = `${transport}:${host}:${port}~shs:${key.slice(1, -'.ed25519'.length)}`
  return { transport, host, port, key, text }
}

function usableKey(text: string): FeedId | null {
  return isFeedId(text) && !isLowOrderKey(feedIdToBytes(text)) ? text : null
}

function portOf(text: string): number | null {
  if (!/^\d{1,5}$/.test(text)) return null
  const port = Number(text)
  return port >= 1 && port <= 65_535 ? port : null
}

function withoutSeed(protocol: Protocol): Protocol {
  return protocol.name === 'shs' ? { name: 'shs', data: protocol.data.slice(0, 1) } : protocol
}

function withoutBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
}

/** What stands behind `#` is for browsers. */
export function withoutFragment(text: string): string {
  const at = text.indexOf('#')
  return at < 0 ? text : text.slice(0, at)
}

/** `ssb:address/multiserver?multiserverAddress=…`; anything else stays as it is. @source ssb-uri-spec */
function withoutUri(text: string): string {
  const match = /^ssb:(?:\/\/)?address[/:]multiserver\?(.*)$/.exec(text)
  if (match === null) return text
  return new URLSearchParams(match[1]).get('multiserverAddress') ?? ''
}
