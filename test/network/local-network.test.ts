import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { writeFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { feedUpTo, follow, untilConnected } from '../fixtures/peers.js'
import { dunbarJson } from '../fixtures/program.js'
import { runningNode } from '../fixtures/running-node.js'

/** Announcements in the local network, on the loopback device and a port of their own. */

/** A UDP port that nobody has. */
async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(resolve))
  return port
}

async function nearNode(lanPort: number, shs: string) {
  return runningNode({
    caps: { shs },
    network: {
      lan: true,
      lanHost: '127.0.0.1',
      lanBroadcast: '127.0.0.1',
      lanPort,
      lanLegacyPort: null,
      allowPrivate: true,
      autoconnect: true,
    },
  })
}

test('nodes that follow each other find each other in the local network and exchange their feeds', async () => {
  const lanPort = await freeUdpPort()
  const shs = randomBytes(32).toString('base64')
  const ana = await nearNode(lanPort, shs)
  const ben = await nearNode(lanPort, shs)
  await follow(ana.peer, ben.node.id)
  await follow(ben.peer, ana.node.id)
  await Promise.all([
    feedUpTo(ana.peer, ben.node.id, 1),
    feedUpTo(ben.peer, ana.node.id, 1),
    untilConnected(ana.peer, (ids) => ids.includes(ben.node.id)),
  ])
})

test('a command that opens the folder itself neither listens nor announces nor dials', async () => {
  const lanPort = await freeUdpPort()
  const heard: Buffer[] = []
  const socket = createSocket('udp4')
  socket.on('message', (bytes) => heard.push(bytes))
  await new Promise<void>((resolve) => socket.bind(lanPort, '127.0.0.1', resolve))
  onTestFinished(() => void socket.close())
  const { path, node, peer } = await runningNode()
  await peer.close()
  await node.stop()
  const network = { lan: true, lanHost: '127.0.0.1', lanBroadcast: '127.0.0.1', lanPort }
  const config = { network: { ...network, lanLegacyPort: null, allowPrivate: true } }
  writeFileSync(`${path}/config.json`, JSON.stringify(config))
  const environment = { DUNBAR_LAN: 'true', DUNBAR_AUTOCONNECT: 'true' }
  const [status] = await dunbarJson<{ network: unknown }>(['status', '--path', path], {
    environment,
  })
  expect(status!.network).toMatchObject({ address: null, peers: [] })
  expect(heard).toEqual([])
})
