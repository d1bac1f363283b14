import { createHash, type Hash } from 'node:crypto'
import type { Logger } from '@dunbar/actor'
import { type FeedId, generateKeys, isCodedError, type Keys } from '@dunbar/core'
import { createPublishMark, FrameReader } from '@dunbar/feed'
import {
  createSimulation,
  MemoryFileSystem,
  type PipeHolder,
  type PipeManners,
  SeededRandom,
  SimulatedPipe,
  type Simulation,
} from '@dunbar/testkit'
import { WireError } from '@dunbar/wire'
import { SimulatedNode } from '../fixtures/simulated-node.js'

/** Somebody with a key, a disk and, at times, a node that runs on it. */
export interface Person {
  readonly name: string
  readonly keys: Keys
  fs: MemoryFileSystem
  node: SimulatedNode | null
  startCount: number
  readonly shards: number
  readonly hops: number
  /** Own messages that were acknowledged: key by sequence. */
  readonly published: Map<number, string>
  /** Feeds that a node of this disk was to replicate at some time. */
  readonly everWanted: Set<FeedId>
  /** Another node signs with the same key. */
  isForked: boolean
}

/** A message that must not have gone, or another broken promise that was seen as it happened. */
export type Breach = string

/** Shares of what may happen; drawn for each seed, so that each has a character of its own. */
const ACTS = [
  'post',
  'contact',
  'connect',
  'disconnect',
  'cut',
  'mute',
  'crash',
  'stop',
  'killShard',
] as const
type Act = (typeof ACTS)[number]

/** What is on its way to the pipe when a block becomes known may still go. */
const BLOCK_GRACE_MS = 1_000
const MESSAGE_HEAD = /"sequence":(\d+),"author":"(@[A-Za-z0-9+/=]{44}\.ed25519)"/g
const silent: Logger = { log: () => undefined }

/** Nodes, their disks and the pipes between them; all that happens follows from the seed. */
export class World {
  readonly seed: number
  readonly simulation: Simulation
  readonly random: SeededRandom
  readonly people: Person[] = []
  readonly breaches: Breach[] = []
  readonly pipes = new Set<SimulatedPipe>()
  sentBytes = 0
  /** Each time that one went to a peer. */
  sentMessages = 0
  /** What happened, for who looks for the cause of a failure. */
  readonly story: string[] = []
  readonly #trace: Hash = createHash('sha256')
  readonly #manners: PipeManners
  readonly #weights: readonly (readonly [Act, number])[]
  /** Of opinions. */
  readonly #blockShare: number
  /** Since when a start of a node knows of a block: by its name, source and dest. */
  readonly #blockedSince = new Map<string, number>()

  private constructor(seed: number) {
    this.seed = seed
    this.simulation = createSimulation({
      seed,
      onStep: ({ atMs, thread, kind }) => this.#trace.update(`${atMs} ${thread} ${kind}\n`),
    })
    this.random = new SeededRandom(`world ${seed}`)
    const maxDelayMs = this.random.pick([2, 20, 200, 1_500])
    this.#manners = {
      delayMs: { min: maxDelayMs / 10, max: maxDelayMs },
      maxPieces: this.random.pick([1, 2, 5, 40]),
    }
    this.#weights = ACTS.map((act) => [act, this.random.chance(0.3) ? 0 : this.random.next()])
    this.#blockShare = this.random.pick([0.02, 0.1, 0.4])
  }

  #opinion(): Readonly<Record<string, boolean>> {
    const drawn = this.random.next()
    if (drawn < this.#blockShare) return { blocking: this.random.chance(0.7) }
    return { following: drawn < 0.9 }
  }

  static async make(seed: number): Promise<World> {
    const world = new World(seed)
    const count = world.random.between(2, 6)
    for (let at = 0; at < count; at += 1) await world.#addPerson(String.fromCharCode(97 + at))
    return world
  }

  get traceDigest(): string {
    return this.#trace.copy().digest('hex')
  }

  get nowMs(): number {
    return this.simulation.nowMs
  }

  async #addPerson(name: string): Promise<void> {
    const bytes = createHash('sha256').update(`${this.seed} ${name}`).digest()
    const keys = generateKeys(new Uint8Array(bytes))
    const fs = new MemoryFileSystem({ completeSync: this.#slowSync })
    fs.makeFolder('/data')
    const marked = createPublishMark(fs, '/data/publish-mark', keys.publicKey)
    await this.simulation.run(marked)
    await this.simulation.run(fs.syncFolder('/'))
    this.people.push({
      name,
      keys,
      fs,
      node: null,
      startCount: 0,
      shards: this.random.between(1, 2),
      hops: this.random.between(1, 3),
      published: new Map(),
      everWanted: new Set(),
      isForked: false,
    })
  }

  /** A disk takes a while, so that a crash may come between a write and its sync. */
  readonly #slowSync = (run: () => void): void => {
    this.simulation.schedule('disk', 'message', this.simulation.random.next() * 20, run)
  }

  note(text: string): void {
    this.story.push(`${this.nowMs.toFixed(1)} ${text}`)
  }

  // --- nodes ---

  /** Resolves when the node is ready; never where it crashes before. */
  async start(person: Person): Promise<void> {
    person.startCount += 1
    const node = new SimulatedNode({
      simulation: this.simulation,
      name: `${person.name}${person.startCount}`,
      keys: person.keys,
      fs: person.fs,
      shards: person.shards,
      hops: person.hops,
      logger: silent,
    })
    person.node = node
    this.note(`${node.name} starts (${person.fs.origin})`)
    await node.start()
    const { replicationSet } = node.graph
    const wanted = () => {
      for (const id of replicationSet.feeds()) person.everWanted.add(id)
    }
    wanted()
    for (const source of node.graph.sources()) {
      for (const [dest, value] of node.graph.edgesFrom(source)) {
        if (value === -1) this.#blockedSince.set(`${node.name}${source}${dest}`, this.nowMs)
      }
    }
    replicationSet.onChange(({ blocks }) => {
      wanted()
      for (const { source, dest, isBlocked } of blocks) {
        const key = `${node.name}${source}${dest}`
        if (isBlocked) this.#blockedSince.set(key, this.nowMs)
        else this.#blockedSince.delete(key)
      }
    })
  }

  crash(person: Person): void {
    const { node } = person
    if (node === null) return
    node.crash()
    person.node = null
    for (const pipe of [...this.pipes]) if (pipe.holders.includes(node)) pipe.abandoned()
    const images = [...person.fs.crashImages(`${this.seed} ${this.nowMs}`, { maxImages: 24 })]
    person.fs = this.random.pick(images)
    this.note(`${node.name} crashed`)
  }

  async stop(person: Person): Promise<void> {
    const { node } = person
    if (node === null || !node.isReady) return
    this.note(`${node.name} stops`)
    await this.simulation.run(Promise.race([node.stop(), this.#after(60_000)]))
    if (node.isAlive) this.breaches.push(`${node.name} did not stop within a minute`)
    this.crash(person)
  }

  /** Everything but the secret is gone. */
  async loseDisk(person: Person): Promise<void> {
    await this.stop(person)
    const fs = new MemoryFileSystem({ completeSync: this.#slowSync })
    fs.makeFolder('/data')
    person.fs = fs
    this.note(`${person.name} has lost its disk`)
  }

  /** A second node with the key and the disk of the first, on a machine of its own. */
  async clone(person: Person): Promise<Person> {
    await this.stop(person)
    person.isForked = true
    const twin: Person = {
      ...person,
      name: `${person.name}'`,
      fs: person.fs.fork(),
      node: null,
      startCount: 0,
      published: new Map(person.published),
      everWanted: new Set(person.everWanted),
    }
    this.people.push(twin)
    this.note(`${twin.name} has the key of ${person.name}`)
    return twin
  }

  #after(ms: number): Promise<void> {
    return new Promise((resolve) => this.simulation.schedule('world', 'timer', ms, () => resolve()))
  }

  // --- what people do ---

  publish(person: Person, content: object): void {
    const { node } = person
    if (node === null || !node.isReady) return
    node
      .feed(person.keys.id)
      .publish(JSON.stringify(content))
      .then(
        (frames) => {
          if (!node.isAlive) return
          const reader = new FrameReader(frames)
          reader.next()
          const { sequence } = reader
          const key = Buffer.from(reader.keyBytes).toString('base64')
          const before = person.published.get(sequence)
          if (before !== undefined && before !== key) {
            this.breaches.push(`${node.name} signed message ${sequence} twice`)
          }
          person.published.set(sequence, key)
          this.note(`${node.name} published ${sequence} ${this.#told(content)}`)
        },
        (error: unknown) => {
          const code = isCodedError(error) ? error.code : String(error)
          this.note(`${node.name} did not publish: ${code}`)
          if (!isCodedError(error)) this.breaches.push(`${node.name} publishing: ${code}`)
        },
      )
  }

  /** Content in short, people by name. */
  #told(content: object): string {
    const text = JSON.stringify(content).slice(0, 120)
    const named = this.people.reduce((told, { keys, name }) => told.replace(keys.id, name), text)
    return named.slice(0, 70)
  }

  sayOf(person: Person, other: Person, said: Readonly<Record<string, boolean>>): void {
    this.publish(person, { type: 'contact', contact: other.keys.id, ...said })
  }

  /** Whether there is a pipe with which nothing is wrong yet. */
  isLinked(one: Person, other: Person): boolean {
    return [...this.pipes].some(
      ({ holders, isOver }) =>
        !isOver && one.node !== null && holders.includes(one.node) && this.#has(holders, other),
    )
  }

  #has(holders: readonly PipeHolder[], { node }: Person): boolean {
    return node !== null && holders.includes(node)
  }

  connect(dialler: Person, server: Person): void {
    const [one, other] = [dialler.node, server.node]
    if (one === null || other === null || !one.isReady || !other.isReady) return
    if (one.id === other.id) return
    if (one.replicator.isShutOut(other.id) || other.replicator.isShutOut(one.id)) return
    const pipe: SimulatedPipe = new SimulatedPipe({
      simulation: this.simulation,
      manners: this.#manners,
      holders: [one, other],
      truncation: new WireError('TRUNCATED', 'the pipe was cut'),
      onWrite: (from, to, bytes) => this.#onWrite(from as SimulatedNode, to, bytes),
      onClosed: () => this.pipes.delete(pipe),
    })
    this.pipes.add(pipe)
    this.note(`${one.name} dials ${other.name}`)
    // A peer has one connection, the newest.
    one.disconnect(other.id)
    other.disconnect(one.id)
    one.addPeer(other.id, pipe.ends[0], true)
    other.addPeer(one.id, pipe.ends[1], false)
  }

  #onWrite(from: SimulatedNode, to: PipeHolder, bytes: Uint8Array): void {
    this.sentBytes += bytes.length
    this.#trace.update(`${from.name} ${to.name}\n`).update(bytes)
    const dest = (to as SimulatedNode).id
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
    for (const [, sequence, author] of text.matchAll(MESSAGE_HEAD)) {
      this.sentMessages += 1
      for (const source of [author, from.id]) {
        const since = this.#blockedSince.get(`${from.name}${source}${dest}`)
        const graceMs = BLOCK_GRACE_MS + 2 * this.#manners.delayMs.max
        if (since === undefined || this.nowMs - since <= graceMs) continue
        this.breaches.push(
          `${from.name} sent ${author} ${sequence} to ${to.name}, whom ${source} blocks`,
        )
      }
    }
  }

  // --- trouble ---

  /** Some minutes in which anything may happen. */
  async trouble(actCount: number): Promise<void> {
    for (const person of this.people) this.#begin(person)
    await this.simulation.advance(this.random.between(1, 500))
    for (const person of this.people) {
      for (const other of this.people) {
        if (person.keys.id === other.keys.id || this.random.chance(0.5)) continue
        this.sayOf(person, other, { following: true })
        this.connect(person, other)
      }
    }
    for (let act = 0; act < actCount; act += 1) {
      await this.#act()
      await this.simulation.advance(this.random.next() * this.random.pick([5, 100, 3_000]))
      this.checkBounds()
    }
  }

  /** People post and change their minds, and nothing is wrong with any machine. */
  async talk(actCount: number): Promise<void> {
    for (let act = 0; act < actCount; act += 1) {
      const [person, other] = [this.random.pick(this.people), this.random.pick(this.people)]
      if (person.keys.id !== other.keys.id && this.random.chance(0.3)) {
        this.sayOf(person, other, this.#opinion())
      } else {
        this.publish(person, { type: 'post', text: 'said in peace' })
      }
      await this.simulation.advance(this.random.next() * 4_000)
      this.checkBounds()
    }
  }

  #begin(person: Person): void {
    if (person.node !== null) return
    void this.start(person)
  }

  async #act(): Promise<void> {
    const { random, people } = this
    const person = random.pick(people)
    const other = random.pick(people)
    const pipes = [...this.pipes]
    switch (this.#draw()) {
      case 'post':
        for (let count = random.pick([1, 3, 3, 60]); count > 0; count -= 1) {
          this.publish(person, { type: 'post', text: 'x'.repeat(random.between(1, 2_000)) })
        }
        return
      case 'contact':
        if (other.keys.id === person.keys.id) return
        this.sayOf(person, other, this.#opinion())
        return
      case 'connect':
        for (const one of random.sample(people, 3)) this.connect(one, other)
        return
      case 'disconnect':
        this.note(`${person.name} leaves ${other.name}`)
        if (person.node?.isReady === true) person.node.disconnect(other.keys.id)
        return
      case 'cut':
        if (pipes.length > 0) random.pick(pipes).cut()
        return
      case 'mute':
        if (pipes.length > 0) random.pick(pipes).mute(random.pick([0, 1]))
        return
      case 'crash':
        this.crash(person)
        if (random.chance(0.8)) this.#begin(person)
        return
      case 'stop':
        await this.stop(person)
        if (random.chance(0.8)) this.#begin(person)
        return
      case 'killShard': {
        // A thread that dies before the node stands ends the start, and with it the program.
        const names = person.node?.isReady === true ? person.node.threads.names : []
        if (names.length === 0) return
        const name = random.pick(names)
        this.note(`${person.node?.name} loses ${name}`)
        person.node?.threads.kill(name)
      }
    }
  }

  #draw(): Act {
    const all = this.#weights.reduce((sum, [, weight]) => sum + weight, 0)
    let at = this.random.next() * all
    for (const [act, weight] of this.#weights) {
      at -= weight
      if (at < 0) return act
    }
    return 'connect'
  }

  /** Accounts that have a limit stay below it. */
  checkBounds(): void {
    for (const { node } of this.people) {
      if (node === null) continue
      for (const { stats } of node.connections.keys()) {
        if (stats.queuedBytes > 2 ** 23 || stats.unsentBytes > 2 ** 23 + 2 ** 22) {
          this.breaches.push(`${node.name} has ${JSON.stringify(stats)} waiting`)
        }
      }
    }
  }

  // --- peace ---

  /** Ends all pipes and all starts that are under way, and starts who is down. */
  async recover(): Promise<void> {
    this.note('peace')
    for (const pipe of [...this.pipes]) pipe.cut()
    await this.simulation.advance(10_000)
    for (const person of this.people) {
      if (person.node === null) await this.simulation.run(this.start(person))
    }
    await this.simulation.advance(30_000)
    for (const { name, node } of this.people) {
      if (node?.isReady !== true) this.breaches.push(`${name} does not start`)
    }
  }

  /** Everybody with everybody, or only along a random tree. */
  connectAll(isTree: boolean): void {
    this.people.forEach((person, at) => {
      if (at === 0) return
      const above = this.people.slice(0, at)
      for (const other of isTree ? [this.random.pick(above)] : above) {
        if (this.isLinked(person, other)) continue
        if (this.random.chance(0.5)) this.connect(person, other)
        else this.connect(other, person)
      }
    })
  }

  /** Runs until nothing is sent for a while. Returns how much was sent within the last `silentMs`; 0 is right. */
  async settle(maxMs: number, silentMs: number): Promise<number> {
    await this.simulation.advance(maxMs)
    const before = this.sentBytes
    await this.simulation.advance(silentMs)
    return this.sentBytes - before
  }

  /** Everybody leaves everybody. Returns what is left of that, which is nothing. */
  async part(): Promise<string[]> {
    for (const pipe of [...this.pipes]) pipe.cut()
    await this.simulation.advance(10_000)
    const left = this.people.flatMap(({ name, node }) => {
      const count = (node?.connections.size ?? 0) + (node?.replicator.status().peers.length ?? 0)
      return count === 0 ? [] : [`${name} still has peers`]
    })
    return this.pipes.size === 0 ? left : [...left, `${this.pipes.size} pipes are open`]
  }
}
