/**
 * Finds peers in the local network and lets them find this node. What is heard is a hint: an
 * address to try, where the handshake proves who is there.
 * @source protocol digest 10.4
 */
import type { Clock, Logger, Timers } from '@dunbar/actor'
import type { FeedId, Keys } from '@dunbar/core'
import { isDialable, netAddress, type PeerAddress } from './address.js'
import { isLocalNetworkHost, isLoopbackHost } from './host.js'
import {
  type Announcement,
  encryptedPacket,
  plainPacket,
  readEncryptedPacket,
  readPlainPacket,
} from './lan-packet.js'
import { RateWindow } from './rate-window.js'
import type { LocalAddress, UdpPort, UdpSocket } from './udp.js'

/** Discovery in the local network. */
export interface LanConfig {
  readonly isEnabled: boolean
  /** Where the sockets are bound. Default `0.0.0.0`. */
  readonly host?: string
  /** Where announcements go. Default: the broadcast address of each network of this machine. */
  readonly broadcastHost?: string
  /** Port of the encrypted form. Default 26830. */
  readonly port?: number
  /** Port of the plain form; null does without it. Default 8008. */
  readonly legacyPort?: number | null
}

/** Datagrams that came, ever. Those beyond the limit of a second are not looked at. */
export interface LanPacketCounts {
  readonly announcements: number
  readonly unreadable: number
  readonly tooMany: number
}

const PORT = 26_830
const LEGACY_PORT = 8_008
const ANNOUNCE_MS = 2_000
/** After a socket failed, as it does when the network goes away. */
const REBIND_MS = 10_000
/** Networks of this machine that are announced to. */
const MAX_NETWORKS = 8

export interface LanOptions {
  readonly keys: Keys
  readonly networkKey: Uint8Array
  readonly config: LanConfig
  /** Whether addresses of this machine count; without, they are none that another one could use. */
  readonly allowsLoopback: boolean
  readonly packetsPerSecond: number
  readonly udp: UdpPort
  readonly timers: Timers
  readonly clock: Clock
  readonly logger: Logger
  /** Another peer says that it is there. */
  onPeer(address: PeerAddress, isVerified: boolean): void
}

export class Lan {
  readonly #options: LanOptions
  readonly #id: FeedId
  readonly packets = { announcements: 0, unreadable: 0, tooMany: 0 }
  #endpoint: { readonly host: string; readonly port: number } | null = null
  /** One a start, so that what comes late for an earlier one changes nothing. */
  #run: LanRun | null = null

  constructor(options: LanOptions) {
    this.#options = options
    this.#id = options.keys.id
  }

  get isRunning(): boolean {
    return this.#run !== null
  }

  /** Where peers find this node; nothing is announced without. */
  setEndpoint(endpoint: { readonly host: string; readonly port: number } | null): void {
    this.#endpoint = endpoint
    if (this.#run !== null) this.#announce(this.#run)
  }

  /** Resolves when the ports are bound, or known not to be to be had, which is logged. */
  async start(): Promise<void> {
    if (this.#run !== null) return
    const run = new LanRun(this.#options, this.packets, (announcement) => this.#hear(announcement))
    this.#run = run
    await run.bind(() => this.#announce(run))
  }

  stop(): void {
    this.#run?.close()
    this.#run = null
  }

  #hear({ addresses, isVerified }: Announcement): void {
    for (const address of addresses) {
      const { host, key } = address
      if (key === this.#id || host === null || !isDialable(address)) continue
      const isNear = isLocalNetworkHost(host)
      if (!isNear && !(this.#options.allowsLoopback && isLoopbackHost(host))) continue
      this.#options.onPeer(address, isVerified)
      return
    }
  }

  #announce(run: LanRun): void {
    if (this.#endpoint === null) return
    const { keys, networkKey, config, udp, allowsLoopback } = this.#options
    const { host, port } = this.#endpoint
    const isAnywhere = host === '' || host === '0.0.0.0' || host === '::'
    for (const local of this.#networks(udp.localAddresses())) {
      if (!isAnywhere && local.address !== host) continue
      if (local.isInternal && !allowsLoopback) continue
      const text = netAddress(local.address, port, this.#id)?.text
      if (text === undefined) continue
      const to = config.broadcastHost ?? broadcastOf(local)
      run.send(encryptedPacket(text, keys, networkKey), plainPacket(text), to)
    }
  }

  #networks(addresses: readonly LocalAddress[]): readonly LocalAddress[] {
    return addresses
      .filter(({ address, isInternal }) => isInternal || isLocalNetworkHost(address))
      .slice(0, MAX_NETWORKS)
  }
}

/** From a start to the stop behind it. */
class LanRun {
  readonly #options: LanOptions
  readonly #packets: Lan['packets']
  readonly #onHeard: (announcement: Announcement) => void
  readonly #port: number
  readonly #legacyPort: number | null
  #normal: UdpSocket | null = null
  #legacy: UdpSocket | null = null
  /** Goes up when sockets are closed: what is bound for an earlier number is not wanted any more. */
  #round = 0
  #cancel: (() => void) | null = null

  constructor(
    options: LanOptions,
    packets: Lan['packets'],
    onHeard: (announcement: Announcement) => void,
  ) {
    this.#options = options
    this.#packets = packets
    this.#onHeard = onHeard
    const { port = PORT, legacyPort = LEGACY_PORT } = options.config
    this.#port = port
    this.#legacyPort = legacyPort
  }

  async bind(announce: () => void): Promise<void> {
    const { networkKey } = this.#options
    const round = this.#round
    const read = (bytes: Uint8Array) => readEncryptedPacket(bytes, networkKey)
    const normal = await this.#bindOne(this.#port, read, announce)
    if (round !== this.#round) return normal?.close()
    this.#normal = normal
    if (this.#legacyPort !== null) {
      const legacy = await this.#bindOne(this.#legacyPort, readPlainPacket, announce)
      if (round !== this.#round) return legacy?.close()
      this.#legacy = legacy
    }
    if (this.#normal !== null || this.#legacy !== null) this.#announceAgain(announce)
  }

  send(normal: Uint8Array, legacy: Uint8Array, host: string): void {
    this.#normal?.send(normal, this.#port, host)
    if (this.#legacyPort !== null) this.#legacy?.send(legacy, this.#legacyPort, host)
  }

  close(): void {
    this.#round += 1
    this.#cancel?.()
    this.#cancel = null
    this.#normal?.close()
    this.#legacy?.close()
    this.#normal = null
    this.#legacy = null
  }

  #announceAgain(announce: () => void): void {
    announce()
    this.#cancel = this.#options.timers.set(ANNOUNCE_MS, () => this.#announceAgain(announce))
  }

  async #bindOne(
    port: number,
    read: (bytes: Uint8Array) => Announcement | null,
    announce: () => void,
  ): Promise<UdpSocket | null> {
    const { udp, config, clock, packetsPerSecond } = this.#options
    // Each costs a signature check, and anybody near can send them. A flood of one form must not
    // drown the other one.
    const window = new RateWindow(clock, packetsPerSecond, 1_000)
    const round = this.#round
    try {
      return await udp.bind({
        host: config.host ?? '0.0.0.0',
        port,
        onDatagram: (bytes) => {
          if (round !== this.#round) return
          if (window.isFull) {
            this.#packets.tooMany += 1
            return
          }
          window.count()
          const announcement = read(bytes)
          this.#packets[announcement === null ? 'unreadable' : 'announcements'] += 1
          if (announcement !== null) this.#onHeard(announcement)
        },
        onFailure: (error) => {
          this.#warn('a socket for the local network failed', port, error)
          if (round === this.#round) this.#rebindLater(announce)
        },
      })
    } catch (error) {
      this.#warn('a port for the local network can not be had', port, error)
      return null
    }
  }

  #rebindLater(announce: () => void): void {
    this.close()
    this.#cancel = this.#options.timers.set(REBIND_MS, () => void this.bind(announce))
  }

  #warn(text: string, port: number, error: unknown): void {
    const code = (error as { code?: unknown } | null)?.code ?? 'UNKNOWN'
    this.#options.logger.log('warn', 'conn', text, { port, code })
  }
}

/** The last address of a network, which all that are in it listen to. */
function broadcastOf({ address, netmask }: LocalAddress): string {
  const mask = netmask.split('.').map(Number)
  return address
    .split('.')
    .map((part, at) => Number(part) | (~(mask[at] ?? 255) & 255))
    .join('.')
}
