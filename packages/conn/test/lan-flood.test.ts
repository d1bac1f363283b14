import { generateKeys } from '@dunbar/core'
import { describe, expect, test } from 'vitest'
import { netAddress } from '../src/index.js'
import { encryptedPacket, plainPacket } from '../src/lan-packet.js'
import { MemoryUdp } from './memory-udp.js'
import { SimulatedNetwork } from './simulated-network.js'

const NETWORK_KEY = new Uint8Array(32)
const PORT = 26_830
const LEGACY_PORT = 8_008
const HOME = { address: '192.168.1.20', netmask: '255.255.255.0', isInternal: false }

async function setUp(addresses = [HOME], udp = new MemoryUdp(addresses)) {
  const network = new SimulatedNetwork(1)
  const ana = await network.node('ana', { config: { lan: { isEnabled: true } }, udp })
  const staged = async () => {
    const stream = (await ana.call('conn.stagedPeers')) as AsyncIterator<{ bytes: Uint8Array }>
    const { value } = await stream.next()
    await stream.return?.()
    return JSON.parse(Buffer.from(value.bytes).toString()) as [string, { verified: boolean }][]
  }
  return { network, udp, ana, staged }
}

const packet = (seed: number) => {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(0, seed)
  const keys = generateKeys(bytes)
  const host = `192.168.${(seed >> 8) & 255}.${seed & 255}`
  return encryptedPacket(netAddress(host, 8008, keys.id)!.text, keys, NETWORK_KEY)
}

describe('discovery', () => {
  test('announces to the broadcast address of its network, every two seconds, in both forms', async () => {
    const { network, udp, ana } = await setUp()
    await network.simulation.advance(10_000)
    expect(udp.sent).toEqual([])
    ana.conn.setEndpoint({ host: '::', port: 8008 })
    await network.simulation.advance(4_000)
    const round = [PORT, LEGACY_PORT].map((port) => ({ port, host: '192.168.1.255' }))
    expect(udp.sent).toEqual([...round, ...round, ...round])
  })

  test('announces neither this machine itself nor an address of the internet', async () => {
    const { network, udp, ana } = await setUp([
      { address: '127.0.0.1', netmask: '255.0.0.0', isInternal: true },
      { address: '8.8.8.8', netmask: '255.255.255.0', isInternal: false },
    ])
    ana.conn.setEndpoint({ host: '0.0.0.0', port: 8008 })
    await network.simulation.advance(10_000)
    expect(udp.sent).toEqual([])
  })

  test('looks at twenty datagrams a second, of either form, however many come', async () => {
    const { network, udp, staged } = await setUp()
    for (let seed = 1; seed <= 10_000; seed++) udp.deliver(plainPacket('x'), LEGACY_PORT)
    for (let seed = 1; seed <= 100; seed++) udp.deliver(packet(seed), PORT)
    expect(await staged()).toHaveLength(20)
    await network.simulation.advance(1_000)
    udp.deliver(packet(1_000), PORT)
    expect(await staged()).toHaveLength(21)
  })

  test('dials nobody that is not followed, however many say that they are there', async () => {
    const { network, udp, ana } = await setUp()
    for (let second = 0; second < 60; second++) {
      for (let seed = 1; seed <= 20; seed++) udp.deliver(packet(second * 20 + seed), PORT)
      await network.simulation.advance(1_000)
    }
    expect(ana.dials).toEqual([])
  })

  test('does not let what is unsigned take back what was signed', async () => {
    const { udp, staged } = await setUp()
    const keys = generateKeys()
    const { text } = netAddress('192.168.1.30', 8008, keys.id)!
    udp.deliver(encryptedPacket(text, keys, NETWORK_KEY), PORT)
    udp.deliver(plainPacket(text), LEGACY_PORT)
    expect(await staged()).toMatchObject([[text, { verified: true }]])
  })

  test('comes back ten seconds after its sockets failed', async () => {
    const { network, udp } = await setUp()
    expect(udp.boundCount).toBe(2)
    udp.fail()
    expect(udp.boundCount).toBe(0)
    await network.simulation.advance(10_000)
    expect(udp.boundCount).toBe(2)
  })

  test('keeps no socket that was bound while the other one failed', async () => {
    let isFirst = true
    class FailingUdp extends MemoryUdp {
      override async bind(options: Parameters<MemoryUdp['bind']>[0]) {
        const socket = await super.bind(options)
        if (options.port === LEGACY_PORT && isFirst) {
          isFirst = false
          this.fail(PORT)
        }
        return socket
      }
    }
    const { network, udp, ana } = await setUp([HOME], new FailingUdp([HOME]))
    expect(udp.boundCount).toBe(0)
    await network.simulation.advance(10_000)
    expect(udp.boundCount).toBe(2)
    await network.simulation.run(ana.conn.close())
    expect(udp.boundCount).toBe(0)
  })

  test('ends with the node', async () => {
    const { network, udp, ana } = await setUp()
    ana.conn.setEndpoint({ host: '0.0.0.0', port: 8008 })
    await network.simulation.run(ana.conn.close())
    const { stepCount } = network.simulation
    await network.simulation.advance(3_600_000)
    expect(network.simulation.stepCount).toBe(stepCount)
    expect(udp.boundCount).toBe(0)
  })
})
