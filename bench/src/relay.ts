import { once } from 'node:events'
import { createServer, type Socket, connect as tcpConnect } from 'node:net'

/** A port on loopback that hands everything on to another and counts it, both ways. */
export interface Relay {
  /** What a peer dials in the place of the other. */
  readonly address: string
  /** Payload that came through so far. */
  readonly bytes: number
  close(): void
}

/** Stands before a multiserver address on loopback. */
export async function relayBefore(address: string): Promise<Relay> {
  const port = /^net:127\.0\.0\.1:(\d+)~/.exec(address)?.[1]
  if (port === undefined) throw new Error(`${address} is not on loopback`)
  const sockets: Socket[] = []
  let bytes = 0
  const server = createServer((from) => {
    const to = tcpConnect(Number(port), '127.0.0.1')
    sockets.push(from, to)
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      one.on('data', ({ length }) => {
        bytes += length
      })
      one.pipe(other)
      // One that breaks off takes the other with it.
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const own = server.address() as { readonly port: number }
  return {
    address: address.replace(`:${port}~`, `:${own.port}~`),
    get bytes() {
      return bytes
    },
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
