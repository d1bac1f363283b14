import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import type { StartOptions } from '@dunbar/node'
import ssbKeys from 'ssb-keys'
import { type Kvt, type RunningNode, runningNode } from '../fixtures/running-node.js'
import {
  type ForeignPeer,
  type ForeignPeerOptions,
  type PeerKind,
  startForeignPeer,
} from './foreign-peer.js'

/** A key pair in the form of a secret file. */
export type SsbKeys = ReturnType<typeof ssbKeys.generate>

export const newNetworkKey = (): string => randomBytes(32).toString('base64')

export const newKeys = (): SsbKeys => ssbKeys.generate()

/** A dunbar node as these tests see it. */
export interface DunbarPeer extends RunningNode {
  readonly id: string
  /** Multiserver address on loopback. */
  readonly address: string
  publish(content: object): Promise<Kvt>
  follow(id: string): Promise<Kvt>
  block(id: string): Promise<Kvt>
  /** Resolves with all messages of a feed when it is held up to this sequence. */
  feedUpTo(id: string, sequence: number): Promise<Kvt[]>
  connect(address: string): Promise<unknown>
  clock(): Promise<Readonly<Record<string, number>>>
  /** Resolves when evidence of a fork of this feed is kept. */
  untilForked(id: string): Promise<void>
  /** Resolves when there is no connection to this peer any more. */
  untilPeerLeaves(id: string): Promise<void>
}

/** Starts a dunbar node that listens on a free port of the loopback device. */
export async function startDunbar(
  networkKey: string,
  options: StartOptions = {},
): Promise<DunbarPeer> {
  const running = await runningNode({
    caps: { shs: networkKey },
    ...options,
    network: { allowPrivate: true, ...options.network },
  })
  const { peer } = running
  const publish = async (content: object) => (await peer.call('publish', [content])) as Kvt
  return {
    ...running,
    id: running.node.id,
    address: running.node.address!,
    publish,
    follow: (id) => publish({ type: 'contact', contact: id, following: true }),
    block: (id) => publish({ type: 'contact', contact: id, blocking: true }),
    feedUpTo: async (id, sequence) => {
      const messages: Kvt[] = []
      const stream = peer.source('createHistoryStream', [{ id, live: true, keys: true }])
      for await (const message of stream) {
        messages.push(message as Kvt)
        if (messages.length >= sequence) break
      }
      return messages
    },
    connect: (to) => peer.call('conn.connect', [to]),
    clock: async () => (await peer.call('ebt.clock')) as Record<string, number>,
    untilForked: async (id) => {
      for await (const fork of peer.source('feeds.forked', [{ live: true }])) {
        if ((fork as { id?: string }).id === id) return
      }
    },
    untilPeerLeaves: async (id) => {
      for await (const peers of peer.source('conn.peers')) {
        if (!(peers as [string, { key: string }][]).some(([, { key }]) => key === id)) return
      }
    },
  }
}

/** Starts a peer of another make on a free port of the loopback device. */
export async function startPeer(
  kind: PeerKind,
  networkKey: string,
  options: Partial<ForeignPeerOptions> = {},
): Promise<ForeignPeer> {
  return startForeignPeer(kind, {
    keys: newKeys(),
    networkKey,
    port: await freePort(),
    ...options,
  })
}

/** A port that nobody has; peers of other makes can't be told to take any. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

export interface Pair {
  readonly networkKey: string
  readonly ours: DunbarPeer
  readonly theirs: ForeignPeer
  /** Connects them, with the dialling side as the pair was made. */
  connect(): Promise<void>
  /** Ends the peer and starts it again with nothing but its keys. */
  restart(): Promise<Pair>
}

export type Role = 'dials' | 'is dialled'

/** A dunbar node and a peer that follow each other, not connected. */
export async function startPair(kind: PeerKind, role: Role): Promise<Pair> {
  const networkKey = newNetworkKey()
  const keys = newKeys()
  const [ours, theirs] = await Promise.all([
    startDunbar(networkKey),
    startPeer(kind, networkKey, { keys }),
  ])
  await ours.follow(theirs.id)
  await theirs.publish({ type: 'contact', contact: ours.id, following: true })
  const pairOf = (peer: ForeignPeer): Pair => ({
    networkKey,
    ours,
    theirs: peer,
    connect: async () => {
      if (role === 'dials') await ours.connect(peer.address)
      else await peer.connect(ours.address)
    },
    restart: async () => {
      await peer.close()
      return pairOf(await startPeer(kind, networkKey, { keys }))
    },
  })
  return pairOf(theirs)
}
