import { type FeedId, isFeedId } from '@dunbar/core'
import { SeededRandom } from '@dunbar/testkit'
import createEbt from 'epidemic-broadcast-trees'
import { describe, expect, test } from 'vitest'
import { EbtEngine } from '../src/ebt-engine.js'
import type { EbtPeer } from '../src/ebt-peer.js'
import { FeedTable } from '../src/feed-table.js'
import { readNote } from '../src/notes.js'
import { feedId } from './ebt-network.js'

/** Sessions with npm epidemic-broadcast-trees, the implementation that all others follow. */

type Item = Record<string, unknown>

/** One side of a session, whoever implements it. */
interface Side {
  readonly held: Map<string, number>
  connect(remote: string, isCaller: boolean, send: (item: Item) => void): void
  receive(item: Item): void
  publish(id: FeedId): void
  want(id: FeedId, isWanted: boolean): void
}

const message = (author: string, sequence: number) => ({
  author,
  sequence,
  content: { type: 'post' },
})

const isMessage = (item: Item) => typeof item.sequence === 'number'

class Reference implements Side {
  readonly held = new Map<string, number>()
  readonly #clocks = new Map<string, Record<string, number>>()
  readonly #ebt
  #stream: ReturnType<ReturnType<typeof createEbt>['createStream']> | null = null

  constructor(id: FeedId) {
    this.#ebt = createEbt({
      id,
      getClock: (peer, callback) => callback(null, { ...this.#clocks.get(peer) }),
      setClock: (peer, clock) => this.#clocks.set(peer, clock),
      getAt: (at, callback) => callback(null, message(at.id, at.sequence)),
      append: ({ author, sequence }, callback) => {
        const isNext = (this.held.get(author) ?? 0) === sequence - 1
        if (isNext) this.#append(author, sequence)
        callback(isNext ? null : new Error('out of order'))
      },
      isFeed: isFeedId,
    })
  }

  connect(remote: string, isCaller: boolean, send: (item: Item) => void): void {
    for (const [id, sequence] of this.held) this.#ebt.state.clock[id] = sequence
    this.#stream = this.#ebt.createStream(remote, 3, isCaller)
    this.#stream.pipe({ paused: false, write: (item) => send(item as Item), end: () => {} })
    this.#stream.resume()
  }

  receive(item: Item): void {
    this.#stream!.write(item)
  }

  publish(id: FeedId): void {
    this.#append(id, (this.held.get(id) ?? 0) + 1)
  }

  want(id: FeedId, isWanted: boolean): void {
    this.#ebt.request(id, isWanted)
  }

  #append(author: string, sequence: number): void {
    this.held.set(author, sequence)
    this.#ebt.onAppend(message(author, sequence))
  }
}

class Ours implements Side {
  readonly held = new Map<string, number>()
  readonly #engine = new EbtEngine(new FeedTable(), {
    isBlocked: () => false,
    isGivenNothing: () => false,
    onReady: () => {},
    stallMs: 3_000,
    strangerFeeds: 1_000,
    sentNotes: 1_000,
  })
  #peer: EbtPeer | null = null
  #send: (item: Item) => void = () => {}

  connect(remote: string, isCaller: boolean, send: (item: Item) => void): void {
    for (const [id, sequence] of this.held) this.#engine.setHeld(id as FeedId, sequence, 0)
    this.#peer = this.#engine.connect(remote as FeedId, !isCaller, [], 0)
    this.#send = send
    this.#pump()
  }

  receive(item: Item): void {
    const peer = this.#peer!
    if (isMessage(item)) {
      const { author, sequence } = item as unknown as { author: FeedId; sequence: number }
      const feed = this.#engine.feeds.numberOf(author)
      if (this.#engine.admit(peer, feed, sequence, 0) === 'take') {
        this.held.set(author, sequence)
        this.#engine.setHeld(author, sequence, 0)
      }
    } else {
      this.#engine.beginNotes(peer, 0)
      for (const [id, value] of Object.entries(item)) {
        const note = readNote(value)
        if (note !== null) this.#engine.note(peer, id, note, 0)
      }
    }
    this.#pump()
  }

  publish(id: FeedId): void {
    const sequence = (this.held.get(id) ?? 0) + 1
    this.held.set(id, sequence)
    this.#engine.setHeld(id, sequence, 0)
    this.#pump()
  }

  want(id: FeedId, isWanted: boolean): void {
    this.#engine.want(id, isWanted, 0)
    this.#pump()
  }

  #pump(): void {
    const peer = this.#peer
    if (peer === null) return
    const engine = this.#engine
    for (let served = engine.nextServe(peer); served !== null; served = engine.nextServe(peer)) {
      const { feed, from, to } = served
      if (engine.advance(peer, feed, from, to)) {
        const author = engine.feeds.idOf(feed)
        for (let sequence = from; sequence <= to; sequence++) this.#send(message(author, sequence))
      }
      engine.served(peer, feed, false)
    }
    for (let text = engine.takeNotes(peer); text !== null; text = engine.takeNotes(peer)) {
      this.#send(JSON.parse(text))
    }
  }
}

const CALLER = feedId(900)
const SERVER = feedId(901)

/** A session between two sides; items wait until `run`. */
class Session {
  readonly trace: { readonly from: 'caller' | 'server'; readonly item: Item }[] = []
  readonly #caller: Side
  readonly #server: Side
  readonly #queue: (() => void)[] = []

  constructor(caller: Side, server: Side) {
    this.#caller = caller
    this.#server = server
    server.connect(CALLER, false, (item) => this.#send('server', item))
    caller.connect(SERVER, true, (item) => this.#send('caller', item))
  }

  run(): this {
    for (let count = 0; this.#queue.length > 0; count++) {
      if (count > 10_000) throw new Error('the two never come to rest')
      this.#queue.shift()!()
    }
    return this
  }

  /** What one side sent: its notes, the last of each feed, and its messages. */
  of(from: 'caller' | 'server') {
    const notes: Item = {}
    const messages: string[] = []
    for (const entry of this.trace) {
      if (entry.from !== from) continue
      if (isMessage(entry.item)) messages.push(`${entry.item.author}#${entry.item.sequence}`)
      else Object.assign(notes, entry.item)
    }
    return { notes, messages: messages.sort() }
  }

  #send(from: 'caller' | 'server', item: Item): void {
    const copy = JSON.parse(JSON.stringify(item)) as Item
    this.trace.push({ from, item: copy })
    this.#queue.push(() => (from === 'caller' ? this.#server : this.#caller).receive(copy))
  }
}

/** Fills both sides in the same way for the same seed. */
function fill(seed: number, caller: Side, server: Side): readonly FeedId[] {
  const random = new SeededRandom(seed)
  const feeds = Array.from({ length: random.between(1, 20) }, (_, number) => feedId(number))
  for (const id of feeds) {
    const longest = random.below(20)
    for (const side of [caller, server]) {
      if (!random.chance(0.8)) continue
      if (random.chance(0.6)) side.held.set(id, random.chance(0.5) ? longest : random.below(20) + 1)
      side.want(id, true)
    }
  }
  for (const side of [caller, server]) {
    for (const [id, sequence] of side.held) if (sequence === 0) side.held.delete(id)
  }
  return feeds
}

const SEEDS = Array.from({ length: 50 }, (_, seed) => seed)

describe('a fresh session', () => {
  test.each(SEEDS)('says and sends what two reference peers do, seed %i', (seed) => {
    const theirs = [new Reference(CALLER), new Reference(SERVER)] as const
    fill(seed, ...theirs)
    const expected = new Session(...theirs).run()
    const ours = [new Ours(), new Ours()] as const
    fill(seed, ...ours)
    const session = new Session(...ours).run()
    expect(session.trace[0]).toEqual(expected.trace[0])
    for (const side of ['server', 'caller'] as const)
      expect(session.of(side)).toEqual(expected.of(side))
  })
})

describe('with a reference peer', () => {
  const mixed = (seed: number): readonly [Side, Side] =>
    seed % 2 === 0 ? [new Ours(), new Reference(SERVER)] : [new Reference(CALLER), new Ours()]

  test.each(SEEDS)('both end with all they share, live messages included, seed %i', (seed) => {
    const random = new SeededRandom(`live ${seed}`)
    const [caller, server] = mixed(seed)
    const feeds = fill(seed, caller, server)
    const session = new Session(caller, server).run()
    // From here on everybody wants everything, and some feeds grow.
    for (const id of feeds) {
      for (const side of [caller, server]) side.want(id, true)
      if (random.chance(0.5)) session.run()
    }
    session.run()
    const newest = (id: string) => Math.max(caller.held.get(id) ?? 0, server.held.get(id) ?? 0)
    for (let round = 0; round < 30; round++) {
      const id = feeds[random.below(feeds.length)]!
      const isCaller = (caller.held.get(id) ?? 0) >= newest(id)
      ;(isCaller ? caller : server).publish(id)
      if (random.chance(0.7)) session.run()
    }
    session.run()
    for (const id of feeds) {
      const held = [caller.held.get(id) ?? 0, server.held.get(id) ?? 0]
      expect([id, ...held]).toEqual([id, newest(id), newest(id)])
    }
  })
})
