import { type FeedId, feedIdToBytes } from '@dunbar/core'
import { plainAddress } from './admission.js'
import type { RpcConnection } from './connection.js'

/** A connection to an identity that has proved itself. */
export interface SecurePeer {
  readonly remoteId: FeedId
  readonly connection: RpcConnection
  /** True where this side dialled. */
  readonly isDialler: boolean
  /**
   * Multiserver address as far as known, `net:host:port~shs:key`. Of a peer that came by itself it
   * has the port that it came from, where nobody listens.
   */
  readonly address: string
}

/**
 * The multiserver address of a peer. What has a meaning there is escaped in the host, and IPv4 that
 * is mapped into IPv6 is taken out of it.
 * @source multiserver-address
 */
export function multiserverAddress(host: string, port: number, id: FeedId): string {
  const key = Buffer.from(feedIdToBytes(id)).toString('base64')
  return `net:${plainAddress(host).replace(/[!:;~]/g, '!$&')}:${port}~shs:${key}`
}
