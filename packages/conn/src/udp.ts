import { createSocket } from 'node:dgram'
import { networkInterfaces } from 'node:os'

/** One bound UDP socket. */
export interface UdpSocket {
  /** Sends one datagram; what can't be sent is lost without a word, as datagrams are. */
  send(bytes: Uint8Array, port: number, host: string): void
  close(): void
}

/** An IPv4 address of this machine. */
export interface LocalAddress {
  readonly address: string
  readonly netmask: string
  readonly isInternal: boolean
}

/** The seam between LAN discovery and the machine. */
export interface UdpPort {
  /**
   * Binds a socket that may broadcast and shares its port with other programs.
   * @throws the system's error where the port can't be had
   */
  bind(options: {
    readonly host: string
    readonly port: number
    /** Called for each datagram; the bytes are the callee's. Must not throw. */
    onDatagram(bytes: Uint8Array): void
    /** Called once, where the socket fails later; it is closed then. */
    onFailure(error: unknown): void
  }): Promise<UdpSocket>
  /** IPv4 addresses of this machine, loopback included; none where the machine does not say. */
  localAddresses(): readonly LocalAddress[]
}

/** UDP of this machine. Sockets do not keep the process alive. */
export const systemUdp: UdpPort = {
  bind: ({ host, port, onDatagram, onFailure }) =>
    new Promise((resolve, reject) => {
      const socket = createSocket({ type: 'udp4', reuseAddr: true })
      socket.unref()
      let isClosed = false
      const close = (): void => {
        if (isClosed) return
        isClosed = true
        socket.close()
      }
      socket.once('error', reject)
      socket.on('message', (bytes) => onDatagram(bytes))
      socket.bind({ port, address: host, exclusive: false }, () => {
        socket.removeAllListeners('error')
        socket.on('error', (error) => {
          if (isClosed) return
          close()
          onFailure(error)
        })
        socket.setBroadcast(true)
        resolve({
          send(bytes, toPort, toHost) {
            if (!isClosed) socket.send(bytes, toPort, toHost, () => {})
          },
          close,
        })
      })
    }),
  localAddresses: () =>
    Object.values(interfaces()).flatMap((addresses) =>
      (addresses ?? [])
        .filter(({ family }) => family === 'IPv4')
        .map(({ address, netmask, internal }) => ({ address, netmask, isInternal: internal })),
    ),
}

/** To ask takes a descriptor, of which there may be none left, and a sandbox may forbid it. */
function interfaces(): ReturnType<typeof networkInterfaces> {
  try {
    return networkInterfaces()
  } catch {
    return {}
  }
}
