import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LogLevel, systemPorts } from '@dunbar/actor'
import { type FeedId, feedIdToBytes, generateKeys, type Keys } from '@dunbar/core'
import {
  dialTcp,
  type Method,
  type MethodTable,
  methodTable,
  RawJson,
  type SecurePeer,
  serveTcp,
  type TcpServer,
} from '@dunbar/wire'
import { onTestFinished } from 'vitest'
import {
  type Conn,
  type ConnConfig,
  type ConnLimits,
  createConn,
  netAddress,
  type PeerAddress,
} from '../src/index.js'
import { MemoryGraph } from './memory-graph.js'

export const NETWORK_KEY = new Uint8Array(32).fill(42)

/** A node of the network rooms on loopback TCP, which ends with the test. */
export interface TcpNode {
  readonly keys: Keys
  readonly id: FeedId
  readonly folder: string
  readonly graph: MemoryGraph
  readonly conn: Conn
  readonly server: TcpServer
  readonly address: PeerAddress
  readonly published: Record<string, unknown>[]
  readonly logged: string[]
  /** Calls a local method, as a client of this node would. */
  call(name: string, ...args: unknown[]): Promise<unknown>
  /** Begins a local source. */
  source(name: string, ...args: unknown[]): AsyncIterator<unknown>
  close(): Promise<void>
}

export interface TcpNodeOptions {
  readonly config?: ConnConfig
  readonly limits?: Partial<ConnLimits>
  readonly keys?: Keys
  readonly folder?: string
  /** What else peers may call. */
  readonly methods?: readonly Method[]
  /** Runs instead of publishing. */
  readonly publish?: (content: Readonly<Record<string, unknown>>) => Promise<unknown>
}

export async function tcpNode(options: TcpNodeOptions = {}): Promise<TcpNode> {
  const keys = options.keys ?? generateKeys()
  const folder = options.folder ?? temporaryFolder()
  const graph = new MemoryGraph()
  const published: Record<string, unknown>[] = []
  const logged: string[] = []
  const logger = {
    log: (level: LogLevel, _: string, text: string) => logged.push(`${level}: ${text}`),
  }
  const { fs, timers, clock, random } = systemPorts(logger)
  const methodsOf = (id: FeedId): MethodTable => conn.methodsFor(id, peerTable)
  const conn = await createConn({
    keys,
    networkKey: NETWORK_KEY,
    folder,
    dial: ({ host, port, key }, guest, signal) =>
      dialTcp({
        host: host!,
        port: port!,
        remoteKey: feedIdToBytes(key),
        keys: guest ?? keys,
        networkKey: NETWORK_KEY,
        methods: guest === undefined ? methodsOf(key) : new Map(),
        ...(signal === undefined ? {} : { signal }),
      }),
    graph,
    async publish(content) {
      if (options.publish !== undefined) return options.publish(content)
      published.push({ ...content })
      return { key: '%', value: { content }, timestamp: 1 }
    },
    files: fs,
    timers,
    clock,
    random,
    logger,
    config: { autoconnect: false, allowsPrivate: true, ...options.config },
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  })
  const peerTable = methodTable([...conn.peerMethods, ...(options.methods ?? [])])
  const server = await serveTcp({
    host: '127.0.0.1',
    port: 0,
    keys,
    networkKey: NETWORK_KEY,
    authorize: (id) => conn.authorize(id),
    methodsFor: methodsOf,
    onPeer: (peer) => conn.addPeer(peer),
  })
  conn.setEndpoint(server)
  const local = methodTable(conn.localMethods)
  let closed: Promise<void> | null = null
  const close = (): Promise<void> => {
    closed ??= conn.close().then(() => server.close())
    return closed
  }
  onTestFinished(close)
  const handled = (name: string, args: readonly unknown[]): unknown =>
    local.get(name)!.handler(args, {} as never)
  return {
    keys,
    id: keys.id,
    folder,
    graph,
    conn,
    server,
    address: netAddress('127.0.0.1', server.port, keys.id)!,
    published,
    logged,
    async call(name, ...args) {
      const answer = await handled(name, args)
      return answer === undefined ? answer : JSON.parse(JSON.stringify(answer))
    },
    source(name, ...args) {
      const items = handled(name, args) as AsyncIterable<unknown>
      return opened(items[Symbol.asyncIterator]())
    },
    close,
  }
}

/** Two nodes that know each other's keys. */
export async function twoNodes(): Promise<readonly [TcpNode, TcpNode]> {
  return [await tcpNode(), await tcpNode()]
}

/** The next peer that a node gets to know. */
export function nextPeer(node: TcpNode): Promise<SecurePeer> {
  return new Promise((resolve) => {
    const leave = node.conn.onPeer((peer) => {
      leave()
      resolve(peer)
    })
  })
}

/** The first item of a source that is as it should be. */
export async function itemThat<Item>(
  source: AsyncIterator<unknown>,
  isRight: (item: Item) => boolean,
): Promise<Item> {
  for (;;) {
    const { value, done } = await source.next()
    if (done === true) throw new Error('the source ended')
    if (isRight(value as Item)) return value as Item
  }
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dunbar-conn-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function opened(items: AsyncIterator<unknown>): AsyncIterator<unknown> {
  return {
    async next() {
      const result = await items.next()
      if (result.done === true || !(result.value instanceof RawJson)) return result
      return { done: false, value: JSON.parse(Buffer.from(result.value.bytes).toString()) }
    },
    return: async () => (await items.return?.()) ?? { done: true, value: undefined },
  }
}
