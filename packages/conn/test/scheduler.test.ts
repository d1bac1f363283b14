import { generateKeys } from '@dunbar/core'
import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'
import { netAddress, type UdpPort } from '../src/index.js'
import { SimulatedNetwork, type SimulatedNode } from './simulated-network.js'

const SEEDS = [1, 2, 3]
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000

const connectedTo = (node: SimulatedNode) =>
  node.conn
    .peers()
    .filter(({ state }) => state === 'connected')
    .map(({ key }) => key)

async function followed(network: SimulatedNetwork, node: SimulatedNode, count: number) {
  const others: SimulatedNode[] = []
  for (let at = 0; at < count; at++) {
    const other = await network.node(`peer-${at}`, { config: { autoconnect: false } })
    node.graph.place(other.id, 1 + (at % 3))
    await node.call('conn.remember', other.address.text, { type: 'pub' })
    others.push(other)
  }
  return others
}

describe.each(SEEDS)('with seed %d, the schedule', (seed) => {
  test('connects as many of those who are followed as the quota has room for', async () => {
    const network = new SimulatedNetwork(seed)
    const ana = await network.node('ana')
    const others = await followed(network, ana, 7)
    await network.simulation.advance(10_000)
    expect(connectedTo(ana)).toHaveLength(4)
    expect(new Set(connectedTo(ana)).size).toBe(4)
    for (const key of connectedTo(ana)) expect(others.some(({ id }) => id === key)).toBe(true)
  })

  test('leaves alone who is unknown, blocked, on this machine or not to be dialled', async () => {
    const network = new SimulatedNetwork(seed)
    const ana = await network.node('ana')
    const [stranger, blocked, shy, tor] = await followed(network, ana, 4)
    const near = netAddress('127.0.0.1', 8008, generateKeys().id)!
    ana.graph.place(near.key, 1)
    await ana.call('conn.remember', near.text)
    await ana.call('conn.remember', shy!.address.text, { autoconnect: false })
    await ana.call('conn.forget', tor!.address.text)
    await ana.call('conn.remember', `onion:abc.onion:8008~shs:${tor!.id.slice(1, -8)}`)
    ana.graph.block(blocked!.id)
    ana.graph.place(stranger!.id, -2)
    await network.simulation.advance(HOUR_MS)
    expect(ana.dials).toEqual([])
  })

  test('waits longer after each failure, and dials again within its time', async () => {
    const network = new SimulatedNetwork(seed)
    const ana = await network.node('ana')
    const [ben] = await followed(network, ana, 1)
    network.down.add(ben!.id)
    await network.simulation.advance(6 * HOUR_MS)
    const times = ana.dials.map(({ atMs }) => atMs)
    const waits = times.slice(1).map((time, at) => time - times[at]!)
    expect(waits.length).toBeGreaterThan(4)
    for (const [at, wait] of waits.entries()) {
      // Nobody else is connected, so the fullness is a tenth; all attempts failed.
      const middle = (1_000 + 4_000 + (at + 1) ** 3 * 10_000) * 0.1 * 3
      expect(wait).toBeGreaterThanOrEqual(middle * 0.8)
      expect(wait).toBeLessThanOrEqual(middle * 1.2 + 1_000)
    }
    network.down.delete(ben!.id)
    await network.simulation.advance(6 * HOUR_MS)
    expect(connectedTo(ana)).toEqual([ben!.id])
  })

  test('leaves alone for an hour who is to be, unless somebody asks for it', async () => {
    const network = new SimulatedNetwork(seed)
    const ana = await network.node('ana')
    const [ben] = await followed(network, ana, 1)
    await network.simulation.advance(10_000)
    expect(connectedTo(ana)).toEqual([ben!.id])
    const { nowMs } = network.simulation
    ana.conn.leaveAlone(ben!.id, HOUR_MS)
    await ana.conn.disconnect(ben!.id)
    ana.dials.length = 0
    await network.simulation.advance(HOUR_MS / 2)
    expect(ana.dials).toEqual([])
    await network.simulation.run(ana.call('conn.connect', ben!.address.text) as Promise<unknown>)
    await ana.conn.disconnect(ben!.id)
    ana.dials.length = 0
    await network.simulation.advance(HOUR_MS)
    expect(ana.dials[0]!.atMs).toBeGreaterThanOrEqual(nowMs + HOUR_MS)
    expect(connectedTo(ana)).toEqual([ben!.id])
  })

  test('follows a name that others spread to no machine nearby, unless somebody asks for it', async () => {
    const network = new SimulatedNetwork(seed)
    const ana = await network.node('ana')
    const pub = await network.node('pub', { config: { autoconnect: false } })
    const author = generateKeys().id
    ana.graph.place(author, 1)
    ana.graph.place(pub.id, 1)
    const { host, port, key } = pub.address
    expect(ana.conn.addPubMessage(author, { type: 'pub', address: { host, port, key } })).toBe(true)
    await network.simulation.advance(10_000)
    const [told] = ana.dials
    expect(told!.mayResolveTo!('192.168.0.1')).toBe(false)
    expect(told!.mayResolveTo!('127.0.0.1')).toBe(false)
    expect(told!.mayResolveTo!('8.8.8.8')).toBe(true)
    await ana.conn.disconnect(pub.id)
    ana.dials.length = 0
    await network.simulation.run(ana.call('conn.connect', pub.address.text) as Promise<unknown>)
    expect(ana.dials.map(({ mayResolveTo }) => mayResolveTo)).toEqual([undefined])
  })

  test('dials again soon after a connection was lost', async () => {
    const network = new SimulatedNetwork(seed)
    const ana = await network.node('ana')
    const [ben] = await followed(network, ana, 1)
    await network.simulation.advance(MINUTE_MS)
    await ben!.conn.disconnect(ana.id)
    expect(connectedTo(ana)).toEqual([])
    await network.simulation.advance(MINUTE_MS)
    expect(connectedTo(ana)).toEqual([ben!.id])
    expect(ana.dials).toHaveLength(2)
  })

  test('gives others a turn within hours, and never has more than its quota', async () => {
    const network = new SimulatedNetwork(seed)
    const ana = await network.node('ana')
    const others = await followed(network, ana, 8)
    const met = new Set<string>()
    ana.conn.onPeer(({ remoteId }) => {
      met.add(remoteId)
      expect(connectedTo(ana).length).toBeLessThanOrEqual(4)
    })
    await network.simulation.advance(30 * HOUR_MS)
    expect(met.size).toBe(others.length)
  })

  test('tries the other address of a peer whose first one failed', async () => {
    const network = new SimulatedNetwork(seed)
    const ana = await network.node('ana')
    const ben = await network.node('ben', { config: { autoconnect: false } })
    ana.graph.place(ben.id, 1)
    await ana.call('conn.remember', netAddress('old.example', 8008, ben.id)!.text)
    await ana.call('conn.remember', ben.address.text)
    await network.simulation.advance(MINUTE_MS)
    expect(connectedTo(ana)).toEqual([ben.id])
  })

  test('runs nothing while there is nobody to dial', async () => {
    const network = new SimulatedNetwork(seed)
    const ana = await network.node('ana')
    await network.simulation.advance(10_000)
    const { stepCount } = network.simulation
    await network.simulation.advance(24 * HOUR_MS)
    expect(network.simulation.stepCount).toBe(stepCount)
    const ben = await network.node('ben', { config: { autoconnect: false } })
    await ana.call('conn.remember', ben.address.text)
    await network.simulation.advance(MINUTE_MS)
    expect(ana.dials).toEqual([])
    ana.graph.place(ben.id, 2)
    await network.simulation.advance(MINUTE_MS)
    expect(connectedTo(ana)).toEqual([ben.id])
  })
})

describe('the schedule', () => {
  test('leaves nothing behind when the node is closed, attempts under way included', async () => {
    const network = new SimulatedNetwork(1)
    const ana = await network.node('ana')
    const others = await followed(network, ana, 4)
    network.down.add(others[0]!.id)
    await network.simulation.advance(HOUR_MS)
    ana.conn.connect(others[0]!.address).catch(() => {})
    await network.simulation.run(ana.conn.close())
    await network.simulation.advance(10_000)
    const { stepCount } = network.simulation
    await network.simulation.advance(24 * HOUR_MS)
    expect(network.simulation.stepCount).toBe(stepCount)
    expect(ana.conn.peers()).toEqual([])
  })

  test('begins behind everything else, however long the ports of the local network take', async () => {
    const network = new SimulatedNetwork(1)
    const ben = await network.node('ben', { config: { autoconnect: false } })
    const fs = new MemoryFileSystem()
    const { timers } = network.simulation.ports('slow', { fs, logger: { log: () => {} } })
    const udp: UdpPort = {
      bind: () =>
        new Promise((resolve) => {
          timers.set(MINUTE_MS, () => resolve({ send: () => {}, close: () => {} }))
        }),
      localAddresses: () => [],
    }
    const config = { lan: { isEnabled: true } }
    const ana = await network.simulation.run(network.node('ana', { config, udp, friends: [ben] }))
    expect(ana.dials).toEqual([])
    await network.simulation.advance(MINUTE_MS)
    expect(connectedTo(ana)).toEqual([ben.id])
  })

  test('does not bother who lets it in and closes at once', async () => {
    const network = new SimulatedNetwork(1)
    const ana = await network.node('ana')
    const [ben] = await followed(network, ana, 1)
    ben!.conn.onPeer(({ remoteId }) => void ben!.conn.disconnect(remoteId))
    await network.simulation.advance(24 * HOUR_MS)
    expect(ana.dials.length).toBeGreaterThan(5)
    expect(ana.dials.length).toBeLessThan(40)
  })

  test('does nothing where the configuration says so, until it is started', async () => {
    const network = new SimulatedNetwork(1)
    const ana = await network.node('ana', { config: { autoconnect: false } })
    const [ben] = await followed(network, ana, 1)
    await network.simulation.advance(HOUR_MS)
    expect(ana.dials).toEqual([])
    await ana.call('conn.start')
    await network.simulation.advance(MINUTE_MS)
    expect(connectedTo(ana)).toEqual([ben!.id])
    await ana.call('conn.stop')
    await network.simulation.advance(HOUR_MS)
    expect(connectedTo(ana)).toEqual([])
  })

  test('closes no connection that somebody asked for', async () => {
    const network = new SimulatedNetwork(1)
    const ana = await network.node('ana')
    const others = await followed(network, ana, 6)
    const peer = await network.simulation.run(ana.conn.connect(others[5]!.address))
    await network.simulation.advance(24 * HOUR_MS)
    expect(connectedTo(ana)).toContain(peer.remoteId)
    expect(ana.dials.filter(({ key }) => key === peer.remoteId)).toHaveLength(1)
  })

  test('is not kept from friends by strangers', async () => {
    const network = new SimulatedNetwork(1)
    const ana = await network.node('ana')
    for (let at = 0; at < 6; at++) {
      const stranger = await network.node(`stranger-${at}`, { config: { autoconnect: false } })
      await network.simulation.run(stranger.conn.connect(ana.address))
    }
    const [ben] = await followed(network, ana, 1)
    await network.simulation.advance(MINUTE_MS)
    expect(connectedTo(ana)).toContain(ben!.id)
  })

  test('keeps an idle connection in use by pings', async () => {
    const network = new SimulatedNetwork(1)
    const ana = await network.node('ana')
    const [ben] = await followed(network, ana, 1)
    await network.simulation.advance(3 * HOUR_MS)
    expect(ana.dials).toHaveLength(1)
    const [[, entry]] = (await ana.call('conn.dbPeers')) as [
      [string, { ping: { rtt: { count: number } } }],
    ]
    // They take turns every five minutes, and ana counts her own.
    expect(entry.ping.rtt.count).toBeGreaterThanOrEqual(17)
    expect(connectedTo(ben!)).toEqual([ana.id])
  })
})

describe('addresses in pub messages', () => {
  const setUp = async () => {
    const network = new SimulatedNetwork(1)
    const ana = await network.node('ana', { config: { autoconnect: false } })
    const author = generateKeys().id
    ana.graph.place(author, 1)
    const pub = (host: string, key = generateKeys().id) => ({
      type: 'pub',
      address: { host, port: 8008, key },
    })
    return { ana, author, pub }
  }

  test('of authors near enough are remembered', async () => {
    const { ana, author, pub } = await setUp()
    const content = pub('pub.example')
    expect(ana.conn.addPubMessage(author, content)).toBe(true)
    expect(ana.conn.addPubMessage(author, content)).toBe(false)
    expect(await ana.call('conn.dbPeers')).toMatchObject([
      [
        netAddress('pub.example', 8008, content.address.key)!.text,
        { type: 'pub', source: 'pub', announcer: author },
      ],
    ])
  })

  test('are not taken from strangers, from the blocked, or beyond ten an author', async () => {
    const { ana, author, pub } = await setUp()
    expect(ana.conn.addPubMessage(generateKeys().id, pub('pub.example'))).toBe(false)
    const blocked = generateKeys().id
    ana.graph.block(blocked)
    expect(ana.conn.addPubMessage(author, pub('pub.example', blocked))).toBe(false)
    const taken = Array.from({ length: 12 }, (_, at) =>
      ana.conn.addPubMessage(author, pub(`pub-${at}.example`)),
    )
    expect(taken.filter(Boolean)).toHaveLength(10)
  })

  test.each([
    '127.0.0.1',
    'localhost',
    '169.254.169.254',
    '10.0.0.1',
    '::1',
    'fd00::1',
    '::ffff:127.0.0.1',
    '0.0.0.0',
    'router.local',
  ])('never make the node dial %s', async (host) => {
    const { ana, author, pub } = await setUp()
    expect(ana.conn.addPubMessage(author, pub(host))).toBe(false)
  })

  test.each([
    null,
    7,
    'pub',
    {},
    { type: 'pub' },
    { type: 'pub', address: null },
    { type: 'pub', address: { host: {}, key: [] } },
  ])('that make no sense are ignored: %j', async (content) => {
    const { ana, author } = await setUp()
    expect(ana.conn.addPubMessage(author, content)).toBe(false)
  })
})
