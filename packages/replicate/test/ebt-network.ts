import { type FeedId, feedIdFromBytes } from '@dunbar/core'
import { SeededRandom } from '@dunbar/testkit'
import { EbtEngine } from '../src/ebt-engine.js'
import type { EbtPeer } from '../src/ebt-peer.js'
import { FeedTable } from '../src/feed-table.js'
import { readNote } from '../src/notes.js'

/** Engines on a network in memory, under a virtual clock; all delays follow from one seed. */

/** An id that a number stands for. */
export const feedId = (number: number): FeedId => {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(4, number + 1)
  bytes[0] = number * 37
  return feedIdFromBytes(bytes)
}

/** What goes over a link: notes as text, or a message. */
export type Item = string | { readonly author: FeedId; readonly sequence: number }

export class Network {
  readonly random: SeededRandom
  readonly nodes: Node[] = []
  readonly links = new Set<Link>()
  nowMs = 0
  /** What is due, by whole ms. */
  readonly #due = new Map<number, (() => void)[]>()

  constructor(seed: number | string) {
    this.random = new SeededRandom(seed)
  }

  add(): Node {
    const node = new Node(this, feedId(1000 + this.nodes.length))
    this.nodes.push(node)
    return node
  }

  /** `caller` dials and calls. */
  connect(caller: Node, server: Node): Link {
    const link = new Link(this, caller, server)
    this.links.add(link)
    return link
  }

  at(delayMs: number, run: () => void): void {
    const atMs = this.nowMs + Math.max(0, Math.ceil(delayMs))
    const due = this.#due.get(atMs)
    if (due === undefined) this.#due.set(atMs, [run])
    else due.push(run)
  }

  /** Lets time pass; engines tick every second. */
  run(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      const due = this.#due.get(this.nowMs)
      for (let index = 0; due !== undefined && index < due.length; index++) due[index]!()
      this.#due.delete(this.nowMs)
      if (this.nowMs === untilMs) return
      this.nowMs += 1
      if (this.nowMs % 1000 === 0) for (const node of this.nodes) node.tick()
    }
  }
}

export class Node {
  readonly network: Network
  readonly id: FeedId
  readonly held = new Map<FeedId, number>()
  readonly wanted = new Set<FeedId>()
  readonly blocks = new Set<string>()
  readonly clocks = new Map<FeedId, [id: FeedId, theirs: number, ours: number][]>()
  readonly links = new Map<EbtPeer, Link>()
  knownCount = 0
  engine: EbtEngine
  /** Ms until what was taken is stored. */
  storeMs = 5

  constructor(network: Network, id: FeedId) {
    this.network = network
    this.id = id
    this.engine = this.#newEngine()
  }

  #newEngine(): EbtEngine {
    return new EbtEngine(new FeedTable(), {
      isBlocked: (source, dest) => this.blocks.has(`${source}${dest}`),
      isGivenNothing: () => false,
      onReady: (peer) => this.links.get(peer)?.ready(this),
      stallMs: 3_000,
      strangerFeeds: 100,
      sentNotes: 50,
    })
  }

  want(...ids: FeedId[]): this {
    for (const id of ids) {
      this.wanted.add(id)
      this.engine.want(id, true, this.network.nowMs)
    }
    return this
  }

  unwant(id: FeedId): void {
    this.wanted.delete(id)
    this.engine.want(id, false, this.network.nowMs)
  }

  block(source: FeedId, dest: FeedId, isBlocked: boolean): void {
    if (isBlocked) this.blocks.add(`${source}${dest}`)
    else this.blocks.delete(`${source}${dest}`)
    this.engine.block(source, dest, isBlocked, this.network.nowMs)
  }

  /** The feed is held up to here. */
  hold(id: FeedId, sequence: number): this {
    this.held.set(id, sequence)
    this.engine.setHeld(id, sequence, this.network.nowMs)
    return this
  }

  publish(id: FeedId): void {
    this.hold(id, (this.held.get(id) ?? 0) + 1)
  }

  /** Starts over from what is stored. */
  restart(): void {
    for (const link of [...this.links.values()]) link.close()
    this.engine = this.#newEngine()
    for (const id of this.wanted) this.engine.want(id, true, this.network.nowMs)
    for (const [id, sequence] of this.held) this.engine.setHeld(id, sequence, this.network.nowMs)
  }

  tick(): void {
    this.engine.tick(this.network.nowMs)
  }

  receive(peer: EbtPeer, item: Item): void {
    const { engine, network } = this
    if (typeof item === 'string') {
      engine.beginNotes(peer, network.nowMs)
      for (const [id, value] of Object.entries(JSON.parse(item))) {
        const note = readNote(value)
        if (note !== null) engine.note(peer, id, note, network.nowMs)
      }
      return
    }
    const feed = engine.feeds.numberOf(item.author)
    const admission = engine.admit(peer, feed, item.sequence, network.nowMs)
    if (admission === 'known') this.knownCount += 1
    if (admission !== 'take') return
    peer.underWay += 1
    network.at(this.storeMs, () => {
      peer.underWay -= 1
      if (this.engine !== engine) return
      if ((this.held.get(item.author) ?? 0) === item.sequence - 1) {
        this.hold(item.author, item.sequence)
      }
    })
  }
}

/** A session between two nodes; items arrive in order, after some ms each way. */
export class Link {
  readonly network: Network
  readonly ends: readonly [Node, Node]
  isOpen = true
  /** Loses everything without a word. */
  isDead = false
  /** Items that were sent, as text: `>` by the caller. */
  readonly items: string[] = []
  messageCount = 0
  readonly #peers: [EbtPeer, EbtPeer]
  readonly #lastMs: [number, number] = [0, 0]
  readonly #isPumping: [boolean, boolean] = [false, false]

  constructor(network: Network, caller: Node, server: Node) {
    this.network = network
    this.ends = [caller, server]
    const { nowMs } = network
    const known = (node: Node, other: Node) => node.clocks.get(other.id) ?? []
    this.#peers = [
      caller.engine.connect(server.id, false, known(caller, server), nowMs),
      server.engine.connect(caller.id, true, known(server, caller), nowMs),
    ]
    caller.links.set(this.#peers[0], this)
    server.links.set(this.#peers[1], this)
    this.ready(server)
  }

  peerOn(node: Node): EbtPeer {
    return this.#peers[node === this.ends[0] ? 0 : 1]
  }

  ready(node: Node): void {
    const side = node === this.ends[0] ? 0 : 1
    if (this.#isPumping[side]) return
    this.#isPumping[side] = true
    this.network.at(1, () => {
      this.#isPumping[side] = false
      if (this.isOpen) this.#pump(side)
    })
  }

  close(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.network.links.delete(this)
    this.ends.forEach((node, side) => {
      const peer = this.#peers[side]!
      node.links.delete(peer)
      node.clocks.set(this.ends[1 - side]!.id, [...node.engine.clockOf(peer)])
      node.engine.disconnect(peer, this.network.nowMs)
    })
  }

  #pump(side: 0 | 1): void {
    const { engine } = this.ends[side]
    const peer = this.#peers[side]
    for (let notes = engine.takeNotes(peer); notes !== null; notes = engine.takeNotes(peer)) {
      this.#send(side, notes)
    }
    const served = engine.nextServe(peer)
    if (served === null) return
    const { feed, from, to } = served
    const last = Math.min(to, from + 9)
    if (engine.advance(peer, feed, from, last)) {
      for (let sequence = from; sequence <= last; sequence++) {
        this.#send(side, { author: engine.feeds.idOf(feed), sequence })
      }
    }
    engine.served(peer, feed, false)
    this.ready(this.ends[side])
  }

  #send(side: 0 | 1, item: Item): void {
    const text = typeof item === 'string' ? item : `${item.author}#${item.sequence}`
    this.items.push(`${side === 0 ? '>' : '<'} ${text}`)
    if (typeof item !== 'string') this.messageCount += 1
    if (this.isDead) return
    const { network } = this
    const arrivesMs = Math.max(this.#lastMs[side], network.nowMs + network.random.between(1, 40))
    this.#lastMs[side] = arrivesMs
    network.at(arrivesMs - network.nowMs, () => {
      if (!this.isOpen) return
      const to = side === 0 ? 1 : 0
      this.ends[to].receive(this.#peers[to], item)
    })
  }
}
