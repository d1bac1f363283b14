/**
 * Epidemic broadcast trees: which notes and which messages go to which peer. Pure: events in, with
 * the time; what is to be sent is taken out (`takeNotes`, `nextServe`). One engine a format.
 *
 * - Server first: a caller stays silent until it has heard the other side's clock.
 * - Request skipping: a feed is mentioned where what the peer is known to hold differs from ours.
 * - One peer at a time sends a feed (`FeedTable.source`). Others only tell of news, which is what
 *   makes a tree. The source is changed when another peer has what it lacks, when it leaves and when
 *   it stalls; a peer whose claims are not followed by messages is passed over for a growing while.
 * - What a peer says of itself is taken at its word, a lower number too: it has lost data.
 * - Others are told how much of a feed may be passed on; who is asked for it hears how much is held.
 * - A deferred feed is asked of nobody: it comes in another way.
 * - `coming` counts messages that are on their way to the shard, so that nothing is asked twice; a
 *   refusal or a stall puts it back to what is held.
 *
 * An event costs the number of peers at most, never the number of feeds; a peer that comes or goes
 * costs the feeds that concern it.
 *
 * @source protocol digest 3.2 to 3.4; behaviour of npm epidemic-broadcast-trees
 */
import type { FeedId } from '@dunbar/core'
import {
  ASKED,
  DENIED,
  DOUBTED,
  EbtPeer,
  HEARD,
  QUEUED,
  type Saying,
  STOPPED,
  UNSAID,
  WANTS,
  WAS_ASKED,
} from './ebt-peer.js'
import { type FeedTable, NO_SOURCE } from './feed-table.js'
import { encodeNote, isNoteReceiving, noteSequence, REFUSAL } from './notes.js'

/** What an engine is built on. */
export interface EbtOptions {
  /** Whether messages of `source` go neither to `dest` nor come from it. */
  isBlocked(source: FeedId, dest: FeedId): boolean
  /** Whether `dest` gets no messages, also of feeds that it is asked for. */
  isGivenNothing(dest: FeedId): boolean
  /** There is something to be sent to this peer; called inside events, must not call back. */
  onReady(peer: EbtPeer): void
  /** A feed that a peer has more of is asked for elsewhere after this. */
  readonly stallMs: number
  /** Feeds beyond the replicated ones that a peer may name. */
  readonly strangerFeeds: number
  /** Feeds in one frame of notes. */
  readonly sentNotes: number
}

/**
 * What becomes of a message: `take` it; it is held or coming already; its predecessors are missing;
 * it was asked for and is not wanted any more; nobody asked.
 */
export type Admission = 'take' | 'known' | 'gap' | 'late' | 'unasked'

/** A peer that sends other feeds is given this long before a feed of it counts as stalled. */
const BUSY_PATIENCE_MS = 60_000
const MAX_PENALTY_MS = 10 * 60_000

export class EbtEngine {
  readonly feeds: FeedTable
  readonly #options: EbtOptions
  readonly #peers = new Map<number, EbtPeer>()
  /** Feeds of which some peer claims more than is held. */
  readonly #behind = new Set<number>()
  /** Since when a feed is not sent by anybody, monotonic ms. */
  readonly #stalled = new Map<number, number>()
  readonly #deferred = new Set<number>()
  #nextSlot = 0

  constructor(feeds: FeedTable, options: EbtOptions) {
    this.feeds = feeds
    this.#options = options
  }

  get peers(): Iterable<EbtPeer> {
    return this.#peers.values()
  }

  /** Feeds of which some peer claims more than is held. */
  get behind(): ReadonlySet<number> {
    return this.#behind
  }

  /** Feeds that nobody sends, with the time since when. */
  get stalled(): ReadonlyMap<number, number> {
    return this.#stalled
  }

  // --- feeds ---

  /** A feed is held up to `sequence`, and may be passed on up to `passable`; also where that is less than before. */
  setHeld(id: FeedId, sequence: number, nowMs: number, passable = sequence): void {
    const feed = this.#add(id)
    const { held, coming, movedAt } = this.feeds
    const before = held[feed]!
    if (before === sequence && this.feeds.passable[feed] === passable) return
    held[feed] = sequence
    this.feeds.passable[feed] = passable
    if (coming[feed]! < sequence || sequence < before) coming[feed] = sequence
    if (sequence !== before) {
      movedAt[feed] = nowMs
      this.#stalled.delete(feed)
    }
    if (this.feeds.isWanted[feed] !== 1) return
    for (const peer of this.#peers.values()) this.#offer(peer, feed, passable)
    const source = sequence < before ? this.#peers.get(this.feeds.source[feed]!) : undefined
    if (source !== undefined) this.#ask(source, feed, nowMs)
    this.#review(feed, nowMs)
  }

  /** Begins or ceases to replicate a feed. */
  want(id: FeedId, isWanted: boolean, nowMs: number): void {
    const feed = this.#add(id)
    if ((this.feeds.isWanted[feed] === 1) === isWanted) return
    this.feeds.setWanted(feed, isWanted)
    for (const peer of this.#peers.values()) {
      if (isWanted) this.#begin(peer, feed, nowMs)
      else if (!peer.has(feed, DENIED)) this.#refuse(peer, feed)
    }
    if (isWanted) {
      this.#review(feed, nowMs)
    } else {
      this.#behind.delete(feed)
      this.#stalled.delete(feed)
    }
  }

  /** The author `source` blocks `dest`, or does no longer. */
  block(source: FeedId, dest: FeedId, isBlocked: boolean, nowMs: number): void {
    const feed = this.feeds.numberOf(source)
    if (feed === -1) return
    for (const peer of this.#peers.values()) {
      if (peer.id !== dest || peer.has(feed, DENIED) === isBlocked) continue
      if (isBlocked) {
        this.#refuse(peer, feed)
        peer.raise(feed, DENIED)
      } else {
        peer.lower(feed, DENIED)
        if (this.feeds.isWanted[feed] === 1) this.#begin(peer, feed, nowMs)
      }
    }
    this.#review(feed, nowMs)
  }

  /** What the own feed says of `dest` has changed: which feeds it gets and is asked for is looked at anew. */
  reconsider(dest: FeedId, nowMs: number): void {
    const { isBlocked, isGivenNothing } = this.#options
    const peers = [...this.#peers.values()].filter(({ id }) => id === dest)
    if (peers.length === 0) return
    for (const peer of peers) peer.isGivenNothing = isGivenNothing(dest)
    for (let feed = 0; feed < this.feeds.size; feed++) {
      const id = this.feeds.idOf(feed)
      this.block(id, dest, isBlocked(id, dest), nowMs)
      for (const peer of peers) if (this.#isServable(peer, feed)) this.#queue(peer, feed)
    }
  }

  /** Asks nobody for a feed from here on, until it is released. Whoever sends it already goes on. */
  defer(id: FeedId): void {
    this.#deferred.add(this.#add(id))
  }

  /** A deferred feed is asked of peers again, those without a claim too. */
  release(id: FeedId, nowMs: number): void {
    const feed = this.feeds.numberOf(id)
    if (!this.#deferred.delete(feed) || this.feeds.isWanted[feed] !== 1) return
    this.#review(feed, nowMs)
    if (this.feeds.source[feed] !== NO_SOURCE) return
    for (const peer of this.#peers.values()) {
      const isShut = peer.has(feed, DENIED | STOPPED) || peer.theirs[feed] === REFUSAL
      if (!peer.isOpen || isShut) continue
      this.#ask(peer, feed, nowMs)
      return
    }
  }

  // --- peers ---

  /**
   * A session begins.
   * @param isServer whether the peer called; then this side speaks first
   * @param stored what the peer is known to hold: sequences, -1 where it refused the feed, each with
   *   what was held here then. Where less is held now, the peer is told, as it may have nothing to say.
   */
  connect(
    id: FeedId,
    isServer: boolean,
    stored: Iterable<readonly [id: string, theirs: number, ours: number]>,
    nowMs: number,
  ): EbtPeer {
    const { strangerFeeds } = this.#options
    const slot = this.#nextSlot++
    const peer = new EbtPeer(slot, id, this.feeds.held.length, strangerFeeds, nowMs)
    peer.isGivenNothing = this.#options.isGivenNothing(id)
    this.#peers.set(slot, peer)
    for (const [name, theirs, ours] of stored) {
      const feed = this.feeds.numberOf(name)
      if (feed !== -1 && this.feeds.held[feed]! >= ours) peer.theirs[feed] = theirs
    }
    if (isServer) this.#open(peer, nowMs)
    return peer
  }

  /** A session is over; what it was asked for is asked of others. */
  disconnect(peer: EbtPeer, nowMs: number): void {
    if (!this.#peers.delete(peer.slot)) return
    for (const feed of peer.asked) {
      if (this.feeds.source[feed] === peer.slot) this.feeds.source[feed] = NO_SOURCE
    }
    for (const feed of peer.asked) this.#review(feed, nowMs)
  }

  /**
   * What a peer is known to hold of the replicated feeds, -1 where it refuses one, and what is held
   * here. Feeds that were
   * refused here in this session are left out: the peer may not have heard that this was taken back.
   */
  *clockOf(peer: EbtPeer): Generator<[id: FeedId, theirs: number, ours: number]> {
    for (let feed = 0; feed < this.feeds.size; feed++) {
      const sequence = peer.theirs[feed]!
      if (peer.has(feed, DENIED | STOPPED | DOUBTED) || sequence === UNSAID) continue
      if (this.feeds.isWanted[feed] === 1) {
        yield [this.feeds.idOf(feed), sequence, this.feeds.held[feed]!]
      }
    }
  }

  /** A frame of notes came, maybe an empty one; its notes follow. */
  beginNotes(peer: EbtPeer, nowMs: number): void {
    if (!peer.isOpen) this.#open(peer, nowMs)
  }

  /** A note came, as `readNote` gives it. */
  note(peer: EbtPeer, id: string, value: number, nowMs: number): void {
    const feed = this.feeds.numberOf(id)
    if (feed === -1 || this.feeds.isWanted[feed] !== 1) {
      this.#noteOfStranger(peer, id, value)
      return
    }
    const sequence = noteSequence(value)
    peer.theirs[feed] = sequence
    peer.raise(feed, HEARD)
    if (peer.has(feed, DENIED)) {
      if (peer.isTold[feed] !== 1) this.#say(peer, feed, 'refuse')
      return
    }
    if (peer.has(feed, STOPPED)) {
      // It has not heard of that yet, or forgot: what it was told now, it would wait for.
      if (value !== REFUSAL) this.#say(peer, feed, 'refuse')
      return
    }
    if (value === REFUSAL) {
      this.#dropOut(peer, feed)
      peer.isTold[feed] = 1
      this.#review(feed, nowMs)
      return
    }
    const isFirst = peer.isTold[feed] !== 1
    const wants = isNoteReceiving(value)
    peer.sent[feed] = sequence
    if (wants) peer.raise(feed, WANTS)
    else peer.lower(feed, WANTS)
    const held = this.feeds.held[feed]!
    if (held > sequence) {
      if (wants && this.#isServable(peer, feed)) this.#queue(peer, feed)
      if (isFirst || !wants) this.#tell(peer, feed)
    } else if (sequence > held) {
      this.#consider(peer, feed, sequence, nowMs)
      if (peer.isTold[feed] !== 1) this.#tell(peer, feed)
    } else if (isFirst) {
      this.#tell(peer, feed)
    }
  }

  /** Messages of a feed are asked for in another way than by notes; they may come. */
  expect(peer: EbtPeer, feed: number): void {
    peer.raise(feed, WAS_ASKED)
  }

  // --- messages ---

  /** Whether a message that came is to be taken. What is taken counts as coming. */
  admit(peer: EbtPeer, feed: number, sequence: number, nowMs: number): Admission {
    if (feed === -1 || !peer.has(feed, WAS_ASKED)) return 'unasked'
    if (this.feeds.isWanted[feed] !== 1 || peer.has(feed, DENIED | STOPPED)) return 'late'
    const { coming, movedAt } = this.feeds
    if (sequence > coming[feed]! + 1) return 'gap'
    if (sequence > peer.theirs[feed]!) peer.theirs[feed] = sequence
    if (sequence > peer.sent[feed]!) peer.sent[feed] = sequence
    if (sequence <= coming[feed]!) {
      // Its own stream may still hold what came from elsewhere meanwhile.
      const isSource = this.feeds.source[feed] === peer.slot
      if (peer.has(feed, ASKED) && !isSource) this.#say(peer, feed, 'tell')
      return 'known'
    }
    coming[feed] = sequence
    movedAt[feed] = nowMs
    peer.usefulAt = nowMs
    if (peer.penalties.size > 0) peer.penalties.delete(feed)
    return 'take'
  }

  /**
   * What came was not stored. `isFinal`: the peer's messages are wrong, and it is asked for no more
   * of this feed in this session; otherwise later.
   */
  refused(peer: EbtPeer, feed: number, isFinal: boolean, nowMs: number): void {
    this.feeds.coming[feed] = this.feeds.held[feed]!
    if (this.#peers.get(peer.slot) !== peer) {
      this.#review(feed, nowMs)
      return
    }
    if (isFinal) {
      const isTold = peer.isTold[feed] === 1 && !peer.has(feed, STOPPED)
      this.#dropOut(peer, feed)
      peer.raise(feed, STOPPED)
      if (isTold) this.#say(peer, feed, 'refuse')
    } else {
      this.#penalise(peer, feed, nowMs)
      if (peer.has(feed, ASKED)) this.#say(peer, feed, 'tell')
    }
    this.#review(feed, nowMs)
  }

  // --- what is to be sent ---

  /** A feed of which the peer wants messages: those behind `from - 1`, up to `to`. Null where there is none. */
  nextServe(peer: EbtPeer): { feed: number; from: number; to: number } | null {
    for (let feed = peer.dequeue(); feed !== -1; feed = peer.dequeue()) {
      const sent = peer.sent[feed]!
      const to = this.feeds.passable[feed]!
      if (this.#isServable(peer, feed)) return { feed, from: sent + 1, to }
      peer.lower(feed, QUEUED)
    }
    return null
  }

  /**
   * Messages `from` to `to` are about to be sent. False where the peer has asked for others or for
   * none meanwhile: they must not be sent.
   */
  advance(peer: EbtPeer, feed: number, from: number, to: number): boolean {
    if (!this.#isServable(peer, feed) || peer.sent[feed] !== from - 1) return false
    peer.sent[feed] = to
    return true
  }

  /** What `nextServe` gave is done; the feed gets in line again where more has come. */
  served(peer: EbtPeer, feed: number, hasFailed: boolean): void {
    peer.lower(feed, QUEUED)
    if (!hasFailed && this.#isServable(peer, feed)) this.#queue(peer, feed)
  }

  /** A feed that could not be read gets in line again. */
  serveAgain(peer: EbtPeer, feed: number): void {
    if (this.#isServable(peer, feed)) this.#queue(peer, feed)
  }

  /** Whether there are notes to be sent. */
  hasNotes(peer: EbtPeer): boolean {
    return peer.mustSpeak || peer.sayings.size > 0 || peer.refusals.length > 0
  }

  /** The next frame of notes as JSON text; null where there is nothing to say. */
  takeNotes(peer: EbtPeer): string | null {
    const { mustSpeak } = peer
    peer.mustSpeak = false
    const { sentNotes } = this.#options
    const notes: string[] = []
    for (const [feed, saying] of peer.sayings) {
      if (notes.length === sentNotes) break
      peer.sayings.delete(feed)
      notes.push(`"${this.feeds.idOf(feed)}":${this.#noteOf(feed, saying)}`)
    }
    while (notes.length < sentNotes && peer.refusals.length > 0) {
      for (const id of peer.refusals.splice(0, sentNotes - notes.length)) {
        if (!this.#isSpokenOf(peer, id)) notes.push(`"${id}":${REFUSAL}`)
      }
    }
    return mustSpeak || notes.length > 0 ? `{${notes.join(',')}}` : null
  }

  /** Whether a feed that was to be refused as unknown is replicated by now, and the peer was told so. */
  #isSpokenOf(peer: EbtPeer, id: string): boolean {
    const feed = this.feeds.numberOf(id)
    return feed !== -1 && this.feeds.isWanted[feed] === 1 && peer.isTold[feed] === 1
  }

  #noteOf(feed: number, saying: Saying): number {
    if (saying === 'refuse') return REFUSAL
    const isAsked = saying === 'ask'
    return encodeNote(isAsked ? this.feeds.held[feed]! : this.feeds.passable[feed]!, isAsked)
  }

  // --- time ---

  /** Looks for feeds that a peer claims to have and does not send. Call it every second or so. */
  tick(nowMs: number): void {
    const { stallMs } = this.#options
    for (const feed of this.#behind) {
      if (nowMs - this.feeds.movedAt[feed]! < stallMs || this.#deferred.has(feed)) continue
      const source = this.#peers.get(this.feeds.source[feed]!)
      if (source === undefined) this.#restart(feed, nowMs)
      else if (!this.#isBusy(source, feed, nowMs)) this.#stall(source, feed, nowMs)
    }
  }

  /** What was on its way when its source left should have come. */
  #restart(feed: number, nowMs: number): void {
    this.feeds.coming[feed] = this.feeds.held[feed]!
    this.#review(feed, nowMs)
  }

  /** Whether a peer works on what it is asked for, though not on this feed. */
  #isBusy(peer: EbtPeer, feed: number, nowMs: number): boolean {
    if (peer.underWay > 0) return true
    const isSending = nowMs - peer.usefulAt < this.#options.stallMs
    return isSending && nowMs - this.feeds.movedAt[feed]! < BUSY_PATIENCE_MS
  }

  #stall(source: EbtPeer, feed: number, nowMs: number): void {
    const { held, coming, movedAt } = this.feeds
    coming[feed] = held[feed]!
    const isClaiming = source.theirs[feed]! > held[feed]!
    const isPenalised = this.#isPenalised(source, feed, nowMs)
    if (isClaiming && !isPenalised) {
      this.#penalise(source, feed, nowMs)
      if (!this.#stalled.has(feed)) this.#stalled.set(feed, movedAt[feed]!)
    }
    const other = this.#bestClaim(feed, source.slot, nowMs)
    if (other !== null) {
      this.#say(source, feed, 'tell')
      this.#ask(other, feed, nowMs)
    } else if (isClaiming && !isPenalised) {
      this.#ask(source, feed, nowMs)
    } else if (
      !isClaiming &&
      this.#bestClaim(feed, source.slot, Number.POSITIVE_INFINITY) === null
    ) {
      this.#behind.delete(feed)
    }
  }

  // --- one feed, one peer ---

  /** The first clock. */
  #open(peer: EbtPeer, nowMs: number): void {
    peer.isOpen = true
    peer.mustSpeak = true
    for (let feed = 0; feed < this.feeds.size; feed++) {
      if (this.feeds.isWanted[feed] !== 1) continue
      if (this.#options.isBlocked(this.feeds.idOf(feed), peer.id)) {
        peer.raise(feed, DENIED)
        continue
      }
      const theirs = peer.theirs[feed]!
      const held = this.feeds.held[feed]!
      if (theirs === REFUSAL || (theirs === held && held > 0)) continue
      if (this.#isToBeAsked(feed)) this.#ask(peer, feed, nowMs)
      else this.#tell(peer, feed)
      if (theirs > held) this.#behind.add(feed)
    }
    this.#options.onReady(peer)
  }

  /** A feed is replicated from here on, in a session that goes on. */
  #begin(peer: EbtPeer, feed: number, nowMs: number): void {
    const id = this.feeds.idOf(feed)
    peer.lower(feed, WANTS | ASKED | DENIED)
    if (this.#options.isBlocked(id, peer.id)) peer.raise(feed, DENIED)
    if (!peer.isOpen || peer.has(feed, DENIED | STOPPED)) return
    const said = peer.strangers.get(id)
    if (said !== null) {
      // It spoke first, so that it need not answer what it is told.
      peer.raise(feed, DOUBTED | HEARD)
      peer.theirs[feed] = noteSequence(said)
      peer.sent[feed] = noteSequence(said)
      if (isNoteReceiving(said)) peer.raise(feed, WANTS)
    }
    // Who was refused may want it by now, and waits for a word as this side does.
    if (peer.theirs[feed] === REFUSAL && !peer.has(feed, DOUBTED)) return
    if (this.#isToBeAsked(feed)) this.#ask(peer, feed, nowMs)
    else this.#tell(peer, feed)
    if (this.#isServable(peer, feed)) this.#queue(peer, feed)
  }

  /** A feed has grown: the peer gets the messages, or is told. */
  #offer(peer: EbtPeer, feed: number, passable: number): void {
    if (!peer.isOpen || peer.has(feed, DENIED | STOPPED)) return
    if (peer.has(feed, WANTS)) {
      if (passable > peer.sent[feed]!) this.#queue(peer, feed)
      return
    }
    const theirs = peer.theirs[feed]!
    if (theirs === REFUSAL || theirs >= passable) return
    // Who was told and has not answered yet will, and learns of it then.
    if (peer.isTold[feed] === 1 && !peer.has(feed, HEARD)) return
    this.#tell(peer, feed)
  }

  #noteOfStranger(peer: EbtPeer, id: string, value: number): void {
    const kept = peer.strangers.set(id, value)
    if (kept !== 'new' || value === REFUSAL) return
    peer.refusals.push(id)
    this.#options.onReady(peer)
  }

  /** A peer claims more than is held: asks it, unless another one is about to send the same. */
  #consider(peer: EbtPeer, feed: number, claim: number, nowMs: number): void {
    this.#behind.add(feed)
    if (this.#deferred.has(feed)) return
    if (peer.has(feed, STOPPED) || this.#isPenalised(peer, feed, nowMs)) return
    const coming = this.feeds.coming[feed]!
    if (claim <= coming) return
    const source = this.#peers.get(this.feeds.source[feed]!)
    const isMoving = nowMs - this.feeds.movedAt[feed]! < this.#options.stallMs
    if (source === peer) {
      // Asked already; who only repeats a clock is asked again.
      if (!isMoving && peer.underWay === 0) this.#ask(peer, feed, nowMs)
      return
    }
    if (source !== undefined) {
      const theirs = source.theirs[feed]!
      if (theirs >= claim || (theirs > coming && isMoving)) return
      this.#say(source, feed, 'tell')
    }
    this.#ask(peer, feed, nowMs)
  }

  /** Asks who has more, where nobody is asked or who is asked has no more. */
  #review(feed: number, nowMs: number): void {
    if (this.feeds.isWanted[feed] !== 1) return
    const source = this.#peers.get(this.feeds.source[feed]!)
    const held = this.feeds.held[feed]!
    if (source !== undefined && source.theirs[feed]! > held) return
    const best = this.#bestClaim(feed, NO_SOURCE, nowMs)
    if (best === null) {
      if (this.#bestClaim(feed, NO_SOURCE, Number.POSITIVE_INFINITY) === null) {
        this.#behind.delete(feed)
        this.#stalled.delete(feed)
      } else if (source === undefined && !this.#stalled.has(feed)) {
        this.#stalled.set(feed, nowMs)
      }
      return
    }
    this.#behind.add(feed)
    if (this.#deferred.has(feed) || best.theirs[feed]! <= this.feeds.coming[feed]!) return
    if (source !== undefined) this.#say(source, feed, 'tell')
    this.#ask(best, feed, nowMs)
  }

  /** Who claims most of a feed, the least busy of those; penalties that end before `nowMs` don't count. */
  #bestClaim(feed: number, exceptSlot: number, nowMs: number): EbtPeer | null {
    const held = this.feeds.held[feed]!
    let best: EbtPeer | null = null
    for (const peer of this.#peers.values()) {
      const theirs = peer.theirs[feed]!
      if (theirs <= held || peer.slot === exceptSlot || !peer.isOpen) continue
      if (peer.has(feed, DENIED | STOPPED) || this.#isPenalised(peer, feed, nowMs)) continue
      const more = best === null ? 1 : theirs - best.theirs[feed]!
      if (more > 0 || (more === 0 && peer.asked.size < best!.asked.size)) best = peer
    }
    return best
  }

  #isPenalised(peer: EbtPeer, feed: number, nowMs: number): boolean {
    const penalty = peer.penalties.get(feed)
    return penalty !== undefined && penalty.untilMs > nowMs
  }

  #penalise(peer: EbtPeer, feed: number, nowMs: number): void {
    const penalty = peer.penalties.get(feed) ?? { count: 0, untilMs: 0 }
    penalty.count += 1
    const ms = Math.min(this.#options.stallMs * 2 ** penalty.count, MAX_PENALTY_MS)
    penalty.untilMs = nowMs + ms
    peer.penalties.set(feed, penalty)
  }

  #isServable(peer: EbtPeer, feed: number): boolean {
    if (!peer.has(feed, WANTS) || peer.has(feed, DENIED | STOPPED)) return false
    if (peer.isGivenNothing) return false
    return this.feeds.isWanted[feed] === 1 && this.feeds.passable[feed]! > peer.sent[feed]!
  }

  /** Whether nobody sends it, and peers are to. */
  #isToBeAsked(feed: number): boolean {
    return this.feeds.source[feed] === NO_SOURCE && !this.#deferred.has(feed)
  }

  #queue(peer: EbtPeer, feed: number): void {
    if (peer.enqueue(feed)) this.#options.onReady(peer)
  }

  #ask(peer: EbtPeer, feed: number, nowMs: number): void {
    this.feeds.source[feed] = peer.slot
    this.feeds.movedAt[feed] = nowMs
    peer.raise(feed, ASKED | WAS_ASKED)
    peer.asked.add(feed)
    this.#put(peer, feed, 'ask')
  }

  /** Says how far the feed is held, and asks on where it was asked. */
  #tell(peer: EbtPeer, feed: number): void {
    this.#put(peer, feed, peer.has(feed, ASKED) ? 'ask' : 'tell')
  }

  /** Says how far the feed is held and asks for nothing, or wants nothing to do with it. */
  #say(peer: EbtPeer, feed: number, saying: 'tell' | 'refuse'): void {
    this.#unask(peer, feed)
    if (saying === 'refuse') peer.raise(feed, DOUBTED)
    this.#put(peer, feed, saying)
  }

  #put(peer: EbtPeer, feed: number, saying: 'tell' | 'ask' | 'refuse'): void {
    peer.isTold[feed] = 1
    peer.sayings.set(feed, saying)
    this.#options.onReady(peer)
  }

  /** The feed is not for this peer any more; one that never heard of it need not be told. */
  #refuse(peer: EbtPeer, feed: number): void {
    this.#dropOut(peer, feed)
    // What was stored of it may have been learned of in another session with the same peer.
    if (!peer.isOpen) peer.theirs[feed] = UNSAID
    else if (peer.isTold[feed] === 1) this.#say(peer, feed, 'refuse')
    else peer.raise(feed, DOUBTED)
  }

  /** Nothing of this feed goes either way. */
  #dropOut(peer: EbtPeer, feed: number): void {
    this.#unask(peer, feed)
    peer.lower(feed, WANTS)
  }

  #unask(peer: EbtPeer, feed: number): void {
    peer.lower(feed, ASKED)
    peer.asked.delete(feed)
    if (this.feeds.source[feed] === peer.slot) this.feeds.source[feed] = NO_SOURCE
  }

  #add(id: FeedId): number {
    const feed = this.feeds.add(id)
    const room = this.feeds.held.length
    for (const peer of this.#peers.values()) peer.reserve(room)
    return feed
  }
}
