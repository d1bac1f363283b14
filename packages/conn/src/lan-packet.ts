/**
 * What peers of a local network tell each other, as datagrams.
 *
 *   plain      an address, or several joined by `;`, as text
 *   encrypted  secretbox(key = network key, nonce = its first 24 bytes, JSON {"address": …})
 *              · 64-byte signature of the JSON, indented by two, by the announced key
 *
 * The box only keeps other networks out: its key is known to all, and its nonce is always the same.
 * @source protocol digest 10.4; npm ssb-lan 1.2
 */
import { feedIdToBytes, type Keys, secretbox, secretboxOpen, sign, verify } from '@dunbar/core'
import { type PeerAddress, parseAddresses } from './address.js'
import { MAX_ADDRESS_LENGTH } from './multiserver.js'

const SIGNATURE_BYTES = 64
const NONCE_BYTES = 24
/** Datagrams that are longer are not looked at. */
export const MAX_PACKET_BYTES = 2_048

/** Addresses that somebody announced. */
export interface Announcement {
  readonly addresses: readonly PeerAddress[]
  /** Whether the owner of the key signed it. Where it says so from, only a handshake can tell. */
  readonly isVerified: boolean
}

/** The plain form. */
export function plainPacket(address: string): Uint8Array {
  return Buffer.from(address)
}

/** The encrypted form. `networkKey` is 32 bytes. */
export function encryptedPacket(address: string, keys: Keys, networkKey: Uint8Array): Uint8Array {
  const nonce = networkKey.subarray(0, NONCE_BYTES)
  const box = secretbox(Buffer.from(JSON.stringify({ address })), nonce, networkKey)
  return Buffer.concat([box, sign(signedBytes(address), keys.secretKey)])
}

/** What is in a datagram of the plain form; null for anything else. */
export function readPlainPacket(bytes: Uint8Array): Announcement | null {
  if (bytes.length > MAX_PACKET_BYTES) return null
  const addresses = parseAddresses(Buffer.from(bytes).toString())
  return addresses.length === 0 ? null : { addresses, isVerified: false }
}

/** What is in a datagram of the encrypted form; null for anything else, a wrong signature included. */
export function readEncryptedPacket(
  bytes: Uint8Array,
  networkKey: Uint8Array,
): Announcement | null {
  if (bytes.length > MAX_PACKET_BYTES || bytes.length <= SIGNATURE_BYTES) return null
  const at = bytes.length - SIGNATURE_BYTES
  const nonce = networkKey.subarray(0, NONCE_BYTES)
  const opened = secretboxOpen(bytes.subarray(0, at), nonce, networkKey)
  const address = opened === null ? null : addressIn(Buffer.from(opened).toString())
  if (address === null) return null
  const addresses = parseAddresses(address)
  const [first] = addresses
  if (first === undefined || addresses.some(({ key }) => key !== first.key)) return null
  const isSigned = verify(bytes.subarray(at), signedBytes(address), feedIdToBytes(first.key))
  return isSigned ? { addresses, isVerified: true } : null
}

const signedBytes = (address: string): Uint8Array =>
  Buffer.from(JSON.stringify({ address }, null, 2))

function addressIn(text: string): string | null {
  try {
    const { address } = JSON.parse(text) as { address?: unknown }
    return typeof address === 'string' && address.length <= MAX_ADDRESS_LENGTH ? address : null
  } catch {
    return null
  }
}
