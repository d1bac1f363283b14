import type { LocalAddress, UdpPort, UdpSocket } from '../src/index.js'

interface Bound {
  readonly host: string
  readonly port: number
  readonly socket: UdpSocket
  onDatagram(bytes: Uint8Array): void
  onFailure(error: unknown): void
}

/** One local network in memory: every socket on a port hears what is sent to that port. */
export class MemoryUdp implements UdpPort {
  readonly addresses: readonly LocalAddress[]
  readonly #network: Set<Bound>
  /** What was sent from here, and where. */
  readonly sent: { readonly port: number; readonly host: string }[] = []

  constructor(addresses: readonly LocalAddress[], network: Set<Bound> = new Set()) {
    this.addresses = addresses
    this.#network = network
  }

  get boundCount(): number {
    return this.#network.size
  }

  async bind(options: Parameters<UdpPort['bind']>[0]): Promise<UdpSocket> {
    const socket: UdpSocket = {
      send: (bytes, port, host) => {
        this.sent.push({ port, host })
        this.deliver(bytes, port)
      },
      close: () => {
        this.#network.delete(bound)
      },
    }
    const bound: Bound = { ...options, socket }
    this.#network.add(bound)
    return socket
  }

  localAddresses(): readonly LocalAddress[] {
    return this.addresses
  }

  deliver(bytes: Uint8Array, port: number): void {
    for (const bound of [...this.#network]) if (bound.port === port) bound.onDatagram(bytes)
  }

  /** All sockets fail, as they do when the network goes away, or those of one port. */
  fail(port: number | null = null): void {
    for (const bound of [...this.#network]) {
      if (port !== null && bound.port !== port) continue
      this.#network.delete(bound)
      bound.onFailure(Object.assign(new Error('down'), { code: 'ENETDOWN' }))
    }
  }
}
