import type { FeedId } from '@dunbar/core'
import { FrameReader } from '@dunbar/feed'
import { FollowGraph } from '@dunbar/graph'
import type { SimulatedNode } from '../fixtures/simulated-node.js'
import type { Person, World } from './world.js'

/** What must hold when the trouble is over, everybody is up and everything has had time to arrive. */

interface HeldMessage {
  readonly sequence: number
  readonly key: string
  readonly text: string
}

/** What a node holds of a feed, in order. */
interface Copy {
  readonly chain: readonly HeldMessage[]
  /** What came before its predecessor is held too, and counts in the graph. */
  readonly all: readonly HeldMessage[]
}

type Copies = Map<Person, Map<FeedId, Copy>>

/** All that is broken; empty where all is well. */
export async function broken(world: World): Promise<string[]> {
  const found: string[] = [...world.breaches]
  const copies = await readCopies(world, found)
  const authors = new Map(world.people.map((person) => [person.keys.id, person]))
  oneValueEach(copies, authors, found)
  for (const author of authors.values()) {
    if (author.isForked) continue
    acknowledged(author, copies, found)
    converged(world, author, copies, found)
  }
  for (const [person, feeds] of copies) {
    wantedOnly(person, feeds, found)
    sameGraph(nodeOf(person), feeds, found)
    for (const { id, claimed } of nodeOf(person).replicator.status().stalled) {
      if (authors.get(id)?.isForked !== true) {
        found.push(
          `${person.name} has a stalled feed: ${authors.get(id)?.name}, claimed ${claimed}`,
        )
      }
    }
  }
  return found
}

const nodeOf = ({ node, name }: Person): SimulatedNode => {
  if (node === null) throw new Error(`${name} is down`)
  return node
}

async function readCopies(world: World, found: string[]): Promise<Copies> {
  const copies: Copies = new Map()
  for (const person of world.people) {
    const node = nodeOf(person)
    const feeds = new Map<FeedId, Copy>()
    for (const shard of node.shards) {
      for (const { id, sequence, state } of await world.simulation.run(shard.feeds())) {
        const all = await world.simulation.run(readFeed(node, id))
        const chain = all.filter((message) => message.sequence <= sequence)
        feeds.set(id, { chain, all })
        const verified = await world.simulation.run(node.feed(id).verify())
        // A crash may leave a hole in a log; what was in it has come again, and the hole stays.
        const damaged = verified.damaged.filter(({ reason }) => reason !== 'FRAME_DAMAGED')
        if (damaged.length > 0 || state === 'quarantined' || chain.length !== sequence) {
          const held = { sequence, messages: chain.length, state, damaged }
          found.push(`${person.name} holds ${id} badly: ${JSON.stringify(held)}`)
        }
      }
    }
    copies.set(person, feeds)
  }
  return copies
}

async function readFeed(node: SimulatedNode, id: FeedId): Promise<HeldMessage[]> {
  const messages: HeldMessage[] = []
  for await (const chunk of node.feed(id).read({})) {
    if ('sync' in chunk) continue
    const reader = new FrameReader(chunk.frames)
    while (reader.next()) {
      const key = Buffer.from(reader.keyBytes).toString('base64')
      const text = Buffer.from(reader.message).toString()
      messages.push({ sequence: reader.sequence, key, text })
    }
  }
  return messages
}

/** I1, I3: one value for each place of a feed, byte for byte. */
function oneValueEach(copies: Copies, authors: Map<FeedId, Person>, found: string[]): void {
  const values = new Map<string, string>()
  for (const [person, feeds] of copies) {
    for (const [id, { chain }] of feeds) {
      if (authors.get(id)?.isForked === true) continue
      chain.forEach(({ text }, at) => {
        const place = `${authors.get(id)?.name ?? id} ${at + 1}`
        const before = values.get(place)
        if (before === undefined) values.set(place, text)
        else if (before !== text) found.push(`${person.name} holds another message ${place}`)
      })
    }
  }
}

/** I2: what was acknowledged is there. */
function acknowledged(author: Person, copies: Copies, found: string[]): void {
  const own = copies.get(author)?.get(author.keys.id)?.chain ?? []
  for (const [sequence, key] of author.published) {
    if (own[sequence - 1]?.key !== key) found.push(`${author.name} lost its message ${sequence}`)
  }
}

/** I5: what can come from peer to peer to who wants it has come. */
function converged(world: World, author: Person, copies: Copies, found: string[]): void {
  const { id } = author.keys
  const lengthOf = (person: Person) => copies.get(person)?.get(id)?.chain.length ?? 0
  const reach = new Map(world.people.map((person) => [person, lengthOf(person)]))
  // Peers take the two nodes of a shared key for one, and mention nothing to either that the other
  // has or does not want; and neither of the two knows what a peer said to the other since.
  const links = world.people.flatMap((one) =>
    world.people
      .filter((other) => ![one, other].some(({ isForked }) => isForked))
      .filter((other) => world.isLinked(one, other))
      .map((other) => [one, other] as const),
  )
  for (let isMoving = true; isMoving; ) {
    isMoving = false
    for (const [from, to] of links) {
      if (!passes(id, nodeOf(from), nodeOf(to)) || reach.get(from)! <= reach.get(to)!) continue
      reach.set(to, reach.get(from)!)
      isMoving = true
    }
  }
  for (const [person, length] of reach) {
    if (length === lengthOf(person)) continue
    found.push(`${person.name} holds ${lengthOf(person)} of ${length} of ${author.name}`)
  }
}

function passes(id: FeedId, from: SimulatedNode, to: SimulatedNode): boolean {
  const [theirs, ours] = [from.graph.replicationSet, to.graph.replicationSet]
  if (!theirs.has(id) || !ours.has(id)) return false
  return !theirs.isBlocked(id, to.id) && !ours.isBlocked(id, from.id)
}

/** Nothing is held that was never wanted. */
function wantedOnly(person: Person, feeds: Map<FeedId, unknown>, found: string[]): void {
  for (const id of feeds.keys()) {
    if (!person.everWanted.has(id)) found.push(`${person.name} holds ${id}, never wanted`)
  }
}

/** I10: the graph is what the messages that are held say, and the replication set follows from it. */
function sameGraph(
  { id: own, name, graph }: SimulatedNode,
  feeds: Map<FeedId, Copy>,
  found: string[],
): void {
  const folded = new FollowGraph(own, graph.maxHops)
  for (const [source, { all }] of feeds) {
    for (const { text } of all) {
      const { content } = JSON.parse(text)
      if (content.type !== 'contact') continue
      const state = content.blocking === true ? -1 : content.following === true ? 1 : 0
      folded.apply([{ source, dest: content.contact, state }])
    }
  }
  folded.settle()
  const print = (hops: Map<FeedId, number>) => JSON.stringify([...hops].sort())
  if (print(folded.hops()) !== print(graph.hops())) {
    found.push(`${name} has another graph than its messages say`)
  }
  const wanted = [...folded.hops()].filter(([, hops]) => hops >= 0 && hops <= graph.maxHops)
  const replicated = JSON.stringify([...graph.replicationSet.feeds()].sort())
  if (JSON.stringify(wanted.map(([id]) => id).sort()) !== replicated) {
    found.push(`${name} replicates others than its graph says`)
  }
}
