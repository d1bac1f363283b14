import { type FeedId, generateKeys } from '@dunbar/core'
import { ADMISSION_LIMITS, PEER_LIMITS, RpcConnection, type SecurePeer } from '@dunbar/wire'
import { describe, expect, test } from 'vitest'
import { Connections } from '../src/connections.js'
import { CONN_LIMITS, netAddress, type PeerAddress } from '../src/index.js'
import { memoryPipe } from './memory-pipe.js'
import { itemThat, nextPeer, tcpNode, twoNodes } from './tcp-node.js'

type Row = readonly [
  string,
  { readonly key: FeedId; readonly state: string; readonly type?: string },
]

const unused = (id: FeedId) => netAddress('127.0.0.1', 1, id)!

describe('a connection', () => {
  test('is known at both ends, and gone at both when one closes it', async () => {
    const [ana, ben] = await twoNodes()
    const arrival = nextPeer(ben)
    const toBen = await ana.conn.connect(ben.address)
    const toAna = await arrival
    expect(toBen).toMatchObject({ remoteId: ben.id, isDialler: true })
    expect(toAna).toMatchObject({ remoteId: ana.id, isDialler: false })
    expect(ana.conn.peers()).toMatchObject([
      { address: ben.address.text, key: ben.id, state: 'connected', isDialler: true },
    ])
    expect(await ben.conn.disconnect(ana.id)).toBe(true)
    await toBen.connection.closed
    expect(ana.conn.peers()).toEqual([])
    expect(ben.conn.peers()).toEqual([])
    expect(await ben.conn.disconnect(ana.id)).toBe(false)
  })

  test('is made once, however many ask for it at once and afterwards', async () => {
    const [ana, ben] = await twoNodes()
    const [one, two] = await Promise.all([
      ana.conn.connect(ben.address),
      ana.conn.connect(ben.address.text),
    ])
    expect(two).toBe(one)
    expect(await ana.conn.connect(ben.address)).toBe(one)
    expect(ana.conn.peers()).toHaveLength(1)
  })

  test('is tried at another address of the same peer once the first one failed', async () => {
    const [ana, ben] = await twoNodes()
    const wrong = ana.conn.connect(unused(ben.id))
    const right = ana.conn.connect(ben.address)
    await expect(wrong).rejects.toMatchObject({ code: 'CONNECT_FAILED' })
    expect((await right).remoteId).toBe(ben.id)
  })

  test('that both sides make at once may be two', async () => {
    const [ana, ben] = await twoNodes()
    const arrivals = [nextPeer(ana), nextPeer(ben)]
    await Promise.all([ana.conn.connect(ben.address), ben.conn.connect(ana.address)])
    await Promise.all(arrivals)
    expect(ana.conn.peers().length).toBeGreaterThanOrEqual(1)
    expect(ana.conn.peers().length).toBeLessThanOrEqual(2)
    expect(new Set(ana.conn.peers().map(({ key }) => key))).toEqual(new Set([ben.id]))
  })

  test('to who answers with another identity comes to nothing', async () => {
    const [ana, ben] = await twoNodes()
    const address = netAddress('127.0.0.1', ben.server.port, generateKeys().id)!
    await expect(ana.conn.connect(address)).rejects.toMatchObject({ code: 'HANDSHAKE_FAILED' })
    expect(ana.conn.peers()).toEqual([])
  })

  test('is refused by reason: self, blocked, no address, not dialled here', async () => {
    const [ana, ben] = await twoNodes()
    ana.graph.block(ben.id)
    await expect(ana.conn.connect(ana.address)).rejects.toMatchObject({ code: 'ADDRESS_SELF' })
    await expect(ana.conn.connect(ben.address)).rejects.toMatchObject({ code: 'PEER_BLOCKED' })
    await expect(ana.conn.connect('nowhere')).rejects.toMatchObject({ code: 'ADDRESS_INVALID' })
    const onion = netAddress('abcdefgh.onion', 8008, generateKeys().id)!
    await expect(ana.conn.connect(onion)).rejects.toMatchObject({ code: 'ADDRESS_UNSUPPORTED' })
  })

  test('of a blocked peer is closed with the block, and not let in again', async () => {
    const [ana, ben] = await twoNodes()
    const toBen = await ana.conn.connect(ben.address)
    ben.graph.block(ana.id)
    await toBen.connection.closed
    await expect(ana.conn.connect(ben.address)).rejects.toMatchObject({ code: 'HANDSHAKE_FAILED' })
    expect(ben.server.refused['not-admitted']).toBe(1)
  })

  test('is not given to strangers beyond their share, and is to friends', async () => {
    const ben = await tcpNode({ limits: { connections: 2, strangerConnections: 1 } })
    const [stranger, other, friend] = [await tcpNode(), await tcpNode(), await tcpNode()]
    ben.graph.place(friend.id, 1)
    await stranger.conn.connect(ben.address)
    await expect(other.conn.connect(ben.address)).rejects.toMatchObject({
      code: 'HANDSHAKE_FAILED',
    })
    expect((await friend.conn.connect(ben.address)).remoteId).toBe(ben.id)
  })

  test('leaves friends a quarter of the places of a listening socket', () => {
    const { connections, handshakes } = ADMISSION_LIMITS
    expect(CONN_LIMITS.strangerConnections).toBeLessThanOrEqual(connections * 0.75)
    expect(CONN_LIMITS.strangerConnections + handshakes).toBeLessThan(connections)
  })

  test('is not made by a node that has as many as it may have', async () => {
    const ana = await tcpNode({ limits: { connections: 1 } })
    const [ben, eve] = await twoNodes()
    await ana.conn.connect(ben.address)
    const refused = ana.conn.connect(eve.address)
    await expect(refused).rejects.toMatchObject({ code: 'TOO_MANY_CONNECTIONS' })
  })

  test('that is being made is given up on demand, and by a block', async () => {
    const [ana, ben] = await twoNodes()
    const attempt = ana.conn.connect(ben.address)
    attempt.catch(() => {})
    await ana.conn.disconnect(ben.id)
    await expect(attempt).rejects.toThrow()
    const another = ana.conn.connect(ben.address)
    ana.graph.block(ben.id)
    await expect(another).rejects.toThrow()
    expect(ana.conn.peers()).toEqual([])
  })

  test('ends with the node', async () => {
    const [ana, ben] = await twoNodes()
    const toBen = await ana.conn.connect(ben.address)
    await ana.close()
    await toBen.connection.closed
    await expect(ana.conn.connect(ben.address)).rejects.toMatchObject({ code: 'CONN_CLOSED' })
  })
})

describe('for local clients', () => {
  test('conn.peers tells of each change, as rows of address and data', async () => {
    const [ana, ben] = await twoNodes()
    const peers = ana.source('conn.peers')
    expect((await peers.next()).value).toEqual([])
    expect(await ana.call('conn.connect', ben.address.text, { type: 'pub' })).toEqual({
      id: ben.id,
      address: ben.address.text,
    })
    const rows = await itemThat<Row[]>(peers, ([row]) => row?.[1].state === 'connected')
    expect(rows).toMatchObject([
      [ben.address.text, { key: ben.id, type: 'pub', inferredType: 'lan' }],
    ])
    expect(await ana.call('conn.disconnect', ben.address.text)).toBe(true)
    await itemThat<Row[]>(peers, (left) => left.length === 0)
    await peers.return?.()
  })

  test('conn.remember, conn.dbPeers and conn.forget keep the address book', async () => {
    const [ana, ben] = await twoNodes()
    await ana.call('conn.remember', ben.address.text, { type: 'pub', autoconnect: false })
    expect(await ana.call('conn.dbPeers')).toMatchObject([
      [ben.address.text, { key: ben.id, type: 'pub', autoconnect: false }],
    ])
    await ana.call('conn.forget', ben.address.text)
    expect(await ana.call('conn.dbPeers')).toEqual([])
    await expect(ana.call('conn.remember', 'x')).rejects.toMatchObject({ code: 'ADDRESS_INVALID' })
    const data = ana.call('conn.remember', ben.address.text, 'pub')
    await expect(data).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
  })

  test('conn.stage and conn.unstage keep a table of those who are not connected', async () => {
    const [ana, ben] = await twoNodes()
    const staged = ana.source('conn.stagedPeers')
    expect((await staged.next()).value).toEqual([])
    expect(await ana.call('conn.stage', ben.address.text)).toBe(true)
    expect(await ana.call('conn.stage', ben.address.text)).toBe(false)
    await itemThat<Row[]>(staged, ([row]) => row?.[1].type === 'internet')
    expect(await ana.call('conn.unstage', ben.address.text)).toBe(true)
    await ana.call('conn.connect', ben.address.text)
    expect(await ana.call('conn.stage', ben.address.text)).toBe(false)
  })

  test('conn.stop closes what is open', async () => {
    const [ana, ben] = await twoNodes()
    await ana.conn.connect(ben.address)
    await ana.call('conn.stop')
    expect(ana.conn.peers()).toEqual([])
  })

  test('gossip.connect finds the address of an id, and remembers addresses', async () => {
    const [ana, ben] = await twoNodes()
    const unknown = ana.call('gossip.connect', ben.id)
    await expect(unknown).rejects.toMatchObject({ code: 'ADDRESS_UNKNOWN' })
    const legacy = { host: '127.0.0.1', port: ben.server.port, key: ben.id }
    expect(await ana.call('gossip.connect', legacy)).toBe(true)
    expect(await ana.call('gossip.peers')).toMatchObject([
      { ...legacy, address: ben.address.text, source: 'manual', state: 'connected', client: true },
    ])
    await ana.call('gossip.disconnect', ben.id)
    expect(await ana.call('gossip.connect', ben.id)).toBe(true)
    expect(await ana.call('gossip.get', ben.id)).toMatchObject({ key: ben.id })
    await ana.call('gossip.remove', ben.id)
    expect(await ana.call('conn.dbPeers')).toEqual([])
  })

  test('gossip.changes tells what happens to peers', async () => {
    const [ana, ben] = await twoNodes()
    const changes = ana.source('gossip.changes')
    const next = async () => ((await changes.next()).value as { type: string }).type
    await ana.call('gossip.add', ben.address.text, 'manual')
    expect(await next()).toBe('discover')
    await ana.conn.connect(ben.address)
    expect(await next()).toBe('connect')
    await ana.call('gossip.reconnect')
    expect(await next()).toBe('disconnect')
    await ben.close()
    await expect(ana.conn.connect(ben.address)).rejects.toMatchObject({ code: 'CONNECT_FAILED' })
    expect(await next()).toBe('connect-failure')
    await ana.call('gossip.remove', ben.id)
    expect(await next()).toBe('remove')
  })

  test('gossip.enable and gossip.disable answer as ssb-gossip does', async () => {
    const ana = await tcpNode()
    expect(await ana.call('gossip.enable')).toBe('enabled gossip type global')
    expect(await ana.call('gossip.disable', 'local')).toBe('disabled gossip type local')
    await expect(ana.call('gossip.enable', 'x')).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
  })

  test('address tells where the node is, for whom', async () => {
    const ana = await tcpNode({ config: { externalHosts: ['pub.example'] } })
    expect(await ana.call('getAddress')).toBe(ana.address.text)
    expect(await ana.call('address', 'public')).toBe(
      netAddress('pub.example', ana.server.port, ana.id)!.text,
    )
    expect(await (await tcpNode()).call('address', 'public')).toBeNull()
  })
})

test('an idle connection is pinged by who dialled, and answered', async () => {
  const [ana, ben] = await twoNodes()
  await ana.call('conn.remember', ben.address.text)
  const toBen = await ana.conn.connect(ben.address)
  const pingOf = async () => {
    // The answer to the ping is on its way before that to this call.
    await toBen.connection.call('getAddress')
    const [[, entry]] = (await ana.call('conn.dbPeers')) as [[string, { ping?: unknown }]]
    return entry.ping
  }
  let ping: unknown
  while (ping === undefined) ping = await pingOf()
  expect(ping).toMatchObject({ rtt: { count: 1 }, skew: { count: 1 } })
})

describe('the table of connections', () => {
  const own = generateKeys().id
  const ben = netAddress('ben.example', 8008, generateKeys().id)!

  const peerAt = ({ key, text }: PeerAddress, isDialler = false): SecurePeer => {
    const [here, there] = memoryPipe()
    const connection = new RpcConnection(here, { limits: PEER_LIMITS })
    new RpcConnection(there, { limits: PEER_LIMITS })
    return { remoteId: key, connection, isDialler, address: text }
  }

  const table = (dial: () => Promise<SecurePeer> = () => Promise.reject(new Error('no'))) => {
    const blocked = new Set<FeedId>()
    const connections = new Connections({
      id: own,
      dial,
      isBlocked: (id) => blocked.has(id),
      isKnown: () => false,
      clock: { now: () => 0, monotonic: () => 0 },
      limits: { ...CONN_LIMITS, connections: 3, strangerConnections: 3 },
    })
    const accept = (peer: SecurePeer) => connections.accept(peer, peer.address, {})
    return { connections, blocked, accept }
  }

  test('closes the oldest of a peer that comes a third time', async () => {
    const { connections, accept } = table()
    const peers = [peerAt(ben), peerAt(ben), peerAt(ben)] as const
    for (const peer of peers) accept(peer)
    await peers[0].connection.closed
    expect(connections.list()).toHaveLength(2)
    expect(connections.peerOf(ben.key)).toBe(peers[2])
  })

  test('lets a peer come again where there is room for nobody, in the place of its older connection', async () => {
    const { connections, accept } = table()
    const first = peerAt(ben)
    accept(first)
    for (let at = 0; at < 2; at++) accept(peerAt(netAddress('x.example', 8008, generateKeys().id)!))
    const second = peerAt(ben)
    accept(second)
    await first.connection.closed
    expect(connections.peerOf(ben.key)).toBe(second)
    expect(connections.list()).toHaveLength(3)
  })

  test('takes a connection over once', () => {
    const { connections, accept } = table()
    const peer = peerAt(ben)
    accept(peer)
    accept(peer)
    expect(connections.list()).toHaveLength(1)
    expect(connections.peerOf(own)).toBeNull()
  })

  test('closes what should not have been let in: the node itself, the blocked, one too many', async () => {
    const { connections, blocked, accept } = table()
    const others = Array.from({ length: 5 }, () =>
      peerAt(netAddress('x.example', 8008, generateKeys().id)!),
    )
    blocked.add(others[0]!.remoteId)
    const self = peerAt(netAddress('self.example', 8008, own)!)
    for (const peer of [self, ...others]) accept(peer)
    await Promise.all([self, others[0]!, others[4]!].map(({ connection }) => connection.closed))
    expect(connections.list()).toHaveLength(3)
  })

  test('closes a connection that came about when nobody wanted it any more', async () => {
    let answer: (peer: SecurePeer) => void = () => {}
    const dialled = new Promise<SecurePeer>((resolve) => {
      answer = resolve
    })
    const { connections } = table(() => dialled)
    const attempt = connections.connect(ben)
    attempt.catch(() => {})
    await connections.disconnect(ben.key)
    const peer = peerAt(ben, true)
    answer(peer)
    await expect(attempt).rejects.toMatchObject({ code: 'CONN_CLOSED' })
    await peer.connection.closed
    expect(connections.list()).toEqual([])
  })

  test('forgets an attempt that failed at once, so that the next one is a new one', async () => {
    let dialCount = 0
    const { connections } = table(() => {
      dialCount++
      throw new Error('at once')
    })
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(connections.connect(ben)).rejects.toThrow('at once')
    }
    expect(dialCount).toBe(2)
    expect(connections.list()).toEqual([])
  })
})
