import { createSocket } from 'node:dgram'
import { generateKeys } from '@dunbar/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type LanConfig, netAddress } from '../src/index.js'
import { encryptedPacket, plainPacket } from '../src/lan-packet.js'
import { itemThat, NETWORK_KEY, nextPeer, type TcpNode, tcpNode } from './tcp-node.js'

type Row = readonly [
  string,
  { readonly key: string; readonly verified: boolean; readonly type: string },
]

/** The address that all sockets on loopback hear. */
const LOOPBACK_BROADCAST = '127.255.255.255'

/** Two ports that nobody uses. */
async function freePorts(): Promise<readonly [number, number]> {
  const sockets = [createSocket('udp4'), createSocket('udp4')] as const
  const ports = await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<number>((resolve) => {
          socket.bind(0, '127.0.0.1', () => resolve(socket.address().port))
        }),
    ),
  )
  for (const socket of sockets) socket.close()
  return [ports[0]!, ports[1]!]
}

async function loopbackLan(): Promise<LanConfig> {
  const [port, legacyPort] = await freePorts()
  return {
    isEnabled: true,
    host: LOOPBACK_BROADCAST,
    broadcastHost: LOOPBACK_BROADCAST,
    port,
    legacyPort,
  }
}

/** Sends a datagram until the node has staged as many peers. */
async function sendUntil(
  node: TcpNode,
  bytes: Uint8Array,
  port: number,
  isDone: (rows: Row[]) => boolean,
) {
  const socket = createSocket('udp4')
  onTestFinished(() => {
    socket.close()
  })
  await new Promise<void>((resolve) => {
    socket.bind(0, '127.0.0.1', resolve)
  })
  socket.setBroadcast(true)
  const staged = node.source('conn.stagedPeers')
  const rows = itemThat<Row[]>(staged, isDone)
  socket.send(bytes, port, LOOPBACK_BROADCAST)
  return rows
}

describe('in the local network', () => {
  test('two nodes on one machine find each other', async () => {
    const lan = await loopbackLan()
    const [ana, ben] = [await tcpNode({ config: { lan } }), await tcpNode({ config: { lan } })]
    const staged = ana.source('conn.stagedPeers')
    const rows = await itemThat<Row[]>(staged, ([row]) => row?.[1].verified === true)
    expect(rows).toMatchObject([[ben.address.text, { key: ben.id, type: 'lan', verified: true }]])
  })

  test('a node connects to who is found there and is followed', async () => {
    const lan = await loopbackLan()
    const ana = await tcpNode({ config: { lan, autoconnect: true } })
    const ben = await tcpNode({ config: { lan } })
    const arrival = nextPeer(ben)
    ana.graph.place(ben.id, 1)
    expect((await arrival).remoteId).toBe(ana.id)
    expect(await ana.call('conn.dbPeers')).toEqual([])
  })

  test('a peer of the plain form only is found, unverified', async () => {
    const lan = await loopbackLan()
    const ana = await tcpNode({ config: { lan } })
    const address = netAddress('192.168.77.1', 8008, generateKeys().id)!
    const rows = await sendUntil(
      ana,
      plainPacket(address.text),
      lan.legacyPort!,
      (held) => held.length > 0,
    )
    expect(rows).toMatchObject([[address.text, { key: address.key, type: 'lan', verified: false }]])
  })

  test('what a node sends itself, garbage, and hosts that are elsewhere are not staged', async () => {
    const lan = await loopbackLan()
    const ana = await tcpNode({ config: { lan } })
    const own = encryptedPacket(
      netAddress('192.168.77.1', 8008, ana.id)!.text,
      ana.keys,
      NETWORK_KEY,
    )
    const far = generateKeys()
    const elsewhere = encryptedPacket(netAddress('8.8.8.8', 8008, far.id)!.text, far, NETWORK_KEY)
    const near = generateKeys()
    const nearby = netAddress('192.168.77.2', 8008, near.id)!
    for (const bytes of [own, elsewhere, Buffer.from('garbage')]) {
      const socket = createSocket('udp4')
      await new Promise<void>((resolve) => {
        socket.bind(0, '127.0.0.1', resolve)
      })
      socket.setBroadcast(true)
      await new Promise<void>((resolve) => {
        socket.send(bytes, lan.port!, LOOPBACK_BROADCAST, () => resolve())
      })
      socket.close()
    }
    const packet = encryptedPacket(nearby.text, near, NETWORK_KEY)
    const rows = await sendUntil(ana, packet, lan.port!, (held) => held.length > 0)
    expect(rows.map(([address]) => address)).toEqual([nearby.text])
  })

  test('a peer that is blocked is not staged', async () => {
    const lan = await loopbackLan()
    const ana = await tcpNode({ config: { lan } })
    const [blocked, other] = [generateKeys(), generateKeys()]
    ana.graph.block(blocked.id)
    const packetOf = (keys: typeof other, host: string) =>
      encryptedPacket(netAddress(host, 8008, keys.id)!.text, keys, NETWORK_KEY)
    void sendUntil(ana, packetOf(blocked, '192.168.77.1'), lan.port!, () => true)
    const rows = await sendUntil(
      ana,
      packetOf(other, '192.168.77.2'),
      lan.port!,
      ({ length }) => length > 0,
    )
    expect(rows).toMatchObject([[expect.anything(), { key: other.id }]])
  })

  test('a port that can not be had is a warning, and the other one serves', async () => {
    const lan = await loopbackLan()
    const taken = createSocket('udp4')
    onTestFinished(() => {
      taken.close()
    })
    await new Promise<void>((resolve) => {
      taken.bind({ port: lan.legacyPort!, address: LOOPBACK_BROADCAST, exclusive: true }, resolve)
    })
    const [ana, ben] = [await tcpNode({ config: { lan } }), await tcpNode({ config: { lan } })]
    expect(ana.logged).toContain('warn: a port for the local network can not be had')
    const rows = await itemThat<Row[]>(ana.source('conn.stagedPeers'), ({ length }) => length > 0)
    expect(rows[0]![1].key).toBe(ben.id)
  })

  test('gossip.disable ends it, and gossip.enable begins it again', async () => {
    const lan = await loopbackLan()
    const [ana, ben] = [await tcpNode({ config: { lan } }), await tcpNode({ config: { lan } })]
    await ana.call('gossip.disable', 'local')
    await ana.call('conn.unstage', ben.address.text)
    const staged = ana.source('conn.stagedPeers')
    await ana.call('gossip.enable', 'local')
    const rows = await itemThat<Row[]>(staged, ({ length }) => length > 0)
    expect(rows[0]![1].key).toBe(ben.id)
  })
})
