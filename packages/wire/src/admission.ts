/**
 * Who may connect: counts in all and by address, and how fast an address may come again. A
 * connection holds a place from its first moment; as long as it has not proved who it is it counts
 * against a much smaller number.
 */
import { isIPv6 } from 'node:net'
import type { AdmissionLimits } from './limits.js'
import type { WireClock } from './wire-ports.js'

/** Why a connection is not taken. */
export type AdmissionRefusal =
  | 'too-many-connections'
  | 'too-many-of-address'
  | 'too-many-handshakes'
  | 'too-many-arrivals'

/** What a connection that was let in holds. */
export interface Place {
  /** It has proved who it is. */
  prove(): void
  /** It is gone. May be called twice. */
  leave(): void
}

interface AddressCount {
  connections: number
  handshakes: number
  /** Arrivals that the address may make at once, as of `atMs`. */
  arrivals: number
  atMs: number
}

/** Addresses that are remembered, those with connections included. */
const MAX_ADDRESSES = 4096

/** The counts of one listening socket. */
export class Admission {
  readonly #limits: AdmissionLimits
  readonly #clock: WireClock
  readonly #addresses = new Map<string, AddressCount>()
  #connections = 0
  #handshakes = 0

  constructor(limits: AdmissionLimits, clock: WireClock) {
    this.#limits = limits
    this.#clock = clock
  }

  /** A place for a connection from this address, or why it gets none. */
  enter(address: string): Place | AdmissionRefusal {
    const limits = this.#limits
    const count = this.#countOf(networkOf(address))
    if (count.arrivals < 1) return 'too-many-arrivals'
    count.arrivals--
    if (this.#connections >= limits.connections) return 'too-many-connections'
    if (this.#handshakes >= limits.handshakes) return 'too-many-handshakes'
    if (count.connections >= limits.connectionsPerAddress) return 'too-many-of-address'
    if (count.handshakes >= limits.handshakesPerAddress) return 'too-many-handshakes'
    this.#connections++
    this.#handshakes++
    count.connections++
    count.handshakes++
    return this.#placeOf(count)
  }

  #placeOf(count: AddressCount): Place {
    let isProved = false
    let isGone = false
    const prove = (): void => {
      if (isProved) return
      isProved = true
      this.#handshakes--
      count.handshakes--
    }
    return {
      prove,
      leave: () => {
        if (isGone) return
        isGone = true
        prove()
        this.#connections--
        count.connections--
      },
    }
  }

  #countOf(network: string): AddressCount {
    const { arrivalBurst, arrivalsPerSecond } = this.#limits
    const nowMs = this.#clock.monotonic()
    const known = this.#addresses.get(network)
    if (known !== undefined) {
      const earned = ((nowMs - known.atMs) / 1000) * arrivalsPerSecond
      known.arrivals = Math.min(arrivalBurst, known.arrivals + earned)
      known.atMs = nowMs
      return known
    }
    if (this.#addresses.size >= MAX_ADDRESSES) this.#forgetOne()
    const count = { connections: 0, handshakes: 0, arrivals: arrivalBurst, atMs: nowMs }
    this.#addresses.set(network, count)
    return count
  }

  /** The one that came first of those without a connection; there are more addresses than connections. */
  #forgetOne(): void {
    for (const [network, count] of this.#addresses) {
      if (count.connections > 0) continue
      this.#addresses.delete(network)
      return
    }
  }
}

/** An address as a person writes it: IPv4 that is mapped into IPv6, as sockets give it, is taken out of it. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=[0-9.]+$)/i, '')
}

/** An IPv4 address as it is, also where it is mapped into IPv6; of other IPv6 addresses the first 64 bits, which one customer has to himself. */
export function networkOf(address: string): string {
  const plain = plainAddress(address)
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = (plain.split('%')[0] ?? plain).split('::')
  const begin = head === '' ? [] : head.split(':')
  const end = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - begin.length - end.length
  const groups = [...begin, ...new Array<string>(Math.max(0, zeros)).fill('0'), ...end]
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}
