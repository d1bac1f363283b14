/**
 * Invite codes of pubs: an address and the seed of a key pair that the pub lets in once.
 *
 *   legacy  host:port:@<key>.ed25519~<seed>        modern  net:host:port~shs:<key>:<seed>
 *
 * The seed is 32 bytes in base64 and a secret: it belongs into no log line and no error.
 * @source protocol digest 10.2
 */
import {
  addressOf,
  legacyText,
  type PeerAddress,
  parseAddress,
  withoutFragment,
} from './address.js'
import { decodeMultiserver, MAX_ADDRESS_LENGTH } from './multiserver.js'

/** An invite code, taken apart. */
export interface InviteCode {
  readonly address: PeerAddress
  /** 32 bytes in memory of their own. */
  readonly seed: Uint8Array
}

const SEED = /^[A-Za-z0-9/+]{42}[AEIMQUYcgkosw048]=$/
/** Stands in the place of a seed in the address of an open room, and is no invite. @source protocol digest 10.3 */
const ROOM_SEED = 'SSB+Room+PSK3TLYC2T86EHQCUHBUHASCASE18JBV24='

/**
 * What is in a code of either form; quotes and spaces around it and a fragment behind it are left
 * out. Null for everything else, the address of an open room included.
 */
export function parseInvite(given: unknown): InviteCode | null {
  if (typeof given !== 'string' || given.length > MAX_ADDRESS_LENGTH) return null
  const text = withoutFragment(
    given
      .trim()
      .replace(/^"(.*)"$/, '$1')
      .trim(),
  )
  return parseModern(text) ?? parseLegacy(text)
}

/** The code in the old form, which every client reads; in the modern form where the address has no old one. */
export function printInvite({ address, seed }: InviteCode): string {
  const legacy = address.transport === 'net' ? legacyText(address) : null
  return legacy === null ? printModernInvite({ address, seed }) : `${legacy}~${base64(seed)}`
}

/** The code as a multiserver address. */
export function printModernInvite({ address, seed }: InviteCode): string {
  return `${address.text}:${base64(seed)}`
}

function parseModern(text: string): InviteCode | null {
  for (const protocols of decodeMultiserver(text) ?? []) {
    const address = addressOf(protocols)
    const seed = seedOf(protocols.find(({ name }) => name === 'shs')?.data[1])
    if (address !== null && seed !== null) return { address, seed }
  }
  return null
}

function parseLegacy(text: string): InviteCode | null {
  const at = text.lastIndexOf('~')
  if (at < 0) return null
  const seed = seedOf(text.slice(at + 1))
  const place = text.slice(0, at)
  if (seed === null || place.includes('~')) return null
  const address = parseAddress(place)
  return address === null ? null : { address, seed }
}

function seedOf(text: string | undefined): Uint8Array | null {
  if (text === undefined || text === ROOM_SEED || !SEED.test(text)) return null
  return new Uint8Array(Buffer.from(text, 'base64'))
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
