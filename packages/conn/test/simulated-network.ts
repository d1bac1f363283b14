import type { LogLevel, Ports } from '@dunbar/actor'
import { CodedError, type FeedId, generateKeys, type Keys } from '@dunbar/core'
import { createSimulation, MemoryFileSystem, type Simulation } from '@dunbar/testkit'
import { methodTable, PEER_LIMITS, RpcConnection, type SecurePeer } from '@dunbar/wire'
import {
  type Conn,
  type ConnConfig,
  type ConnLimits,
  createConn,
  netAddress,
  type PeerAddress,
  type UdpPort,
} from '../src/index.js'
import { MemoryGraph } from './memory-graph.js'
import { memoryPipe } from './memory-pipe.js'

/** When somebody was dialled, virtual ms, and by which address. */
export interface Dial {
  readonly atMs: number
  readonly key: FeedId
  readonly address: string
  /** Of the addresses that a name may stand for; undefined: of any. */
  readonly mayResolveTo: ((address: string) => boolean) | undefined
}

/** A node in a network of pipes, under a virtual clock. */
export interface SimulatedNode {
  readonly keys: Keys
  readonly id: FeedId
  readonly address: PeerAddress
  readonly conn: Conn
  readonly graph: MemoryGraph
  readonly dials: Dial[]
  call(name: string, ...args: unknown[]): Promise<unknown>
}

/** How long a dial takes to fail or to succeed. */
const DIAL_MS = 50

export class SimulatedNetwork {
  readonly simulation: Simulation
  readonly #nodes = new Map<FeedId, SimulatedNode>()
  /** Peers that do not answer. */
  readonly down = new Set<FeedId>()

  constructor(seed: number | string) {
    this.simulation = createSimulation({ seed })
  }

  async node(
    name: string,
    options: {
      readonly config?: ConnConfig
      readonly limits?: Partial<ConnLimits>
      readonly udp?: UdpPort
      /** Who is followed, and in the address book. */
      readonly friends?: readonly SimulatedNode[]
    } = {},
  ): Promise<SimulatedNode> {
    const files = new MemoryFileSystem()
    files.makeFolder('/node')
    const logger = { log: (_: LogLevel, __: string, ___: string) => {} }
    const ports = this.simulation.ports(name, { fs: files, logger })
    const keys = generateKeys(ports.random.bytes(32))
    const graph = new MemoryGraph()
    const { friends = [] } = options
    for (const { id } of friends) graph.place(id, 1)
    const entries = friends.map(({ address, id }) => [address.text, { key: id }])
    const book = files.open('/node/conn.json', 'createNew')
    book.write(Buffer.from(JSON.stringify(Object.fromEntries(entries))), 0)
    book.close()
    const dials: Dial[] = []
    const address = netAddress(`${name}.example`, 8008, keys.id)!
    const conn = await createConn({
      keys,
      networkKey: new Uint8Array(32),
      folder: '/node',
      dial: async (to, _keys, _signal, mayResolveTo) => {
        const atMs = this.simulation.nowMs
        dials.push({ atMs, key: to.key, address: to.text, mayResolveTo })
        await new Promise<void>((resolve) => {
          ports.timers.set(DIAL_MS, resolve)
        })
        return this.#join(node, to, ports)
      },
      graph,
      publish: async () => ({}),
      files,
      timers: ports.timers,
      clock: ports.clock,
      random: ports.random,
      logger,
      config: options.config ?? {},
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      ...(options.udp === undefined ? {} : { udp: options.udp }),
    })
    const local = methodTable(conn.localMethods)
    const node: SimulatedNode = {
      keys,
      id: keys.id,
      address,
      conn,
      graph,
      dials,
      call: async (method, ...args) => local.get(method)!.handler(args, {} as never),
    }
    this.#nodes.set(node.id, node)
    return node
  }

  #join(from: SimulatedNode, { key, text, host }: PeerAddress, ports: Ports): SecurePeer {
    const to = this.#nodes.get(key)
    const isThere = to !== undefined && !this.down.has(key) && to.address.host === host
    if (!isThere || !to.conn.authorize(from.id)) {
      throw new CodedError('CONNECT_FAILED', 'nobody answers', {})
    }
    const [here, there] = memoryPipe()
    const connectionOf = (end: typeof here, node: SimulatedNode, other: FeedId): RpcConnection =>
      new RpcConnection(end, {
        limits: { ...PEER_LIMITS },
        methods: node.conn.methodsFor(other, methodTable(node.conn.peerMethods)),
        timers: ports.timers,
        clock: ports.clock,
      })
    const inbound: SecurePeer = {
      remoteId: from.id,
      connection: connectionOf(there, to, from.id),
      isDialler: false,
      address: `net:${from.address.host}:50000~shs:${from.id.slice(1, -8)}`,
    }
    to.conn.addPeer(inbound)
    const connection = connectionOf(here, from, key)
    return { remoteId: key, connection, isDialler: true, address: text }
  }
}
