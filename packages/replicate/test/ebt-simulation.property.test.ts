import { SeededRandom } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'
import { feedId, Network, type Node } from './ebt-network.js'

/**
 * Networks of engines that live through all sorts of trouble and are healed then: everybody must
 * hold the union of what is held, without having asked for much twice.
 */

const SEEDS = Array.from({ length: 60 }, (_, seed) => seed + 1)

const pick = <Item>(random: SeededRandom, items: readonly Item[]): Item =>
  items[random.below(items.length)]!

function scenario(seed: number) {
  const random = new SeededRandom(`workload ${seed}`)
  const network = new Network(seed)
  const feeds = Array.from({ length: random.between(1, 12) }, (_, number) => feedId(number))
  const nodes = Array.from({ length: random.between(2, 6) }, () => network.add().want(...feeds))
  // Each feed is written by one node, whatever else befalls it.
  const writers = new Map(feeds.map((id) => [id, pick(random, nodes)]))
  const newest = (id: (typeof feeds)[number]) => writers.get(id)!.held.get(id) ?? 0
  for (const id of feeds) writers.get(id)!.hold(id, random.below(60))

  const trouble = () => {
    const node = pick(random, nodes)
    const other = pick(random, nodes)
    const links = [...network.links]
    const id = pick(random, feeds)
    switch (random.below(11)) {
      case 0:
      case 1:
      case 2:
        if (node !== other) network.connect(node, other)
        return
      case 3:
        if (links.length > 0) pick(random, links).close()
        return
      case 4:
        if (links.length > 0) pick(random, links).isDead = true
        return
      case 5:
      case 6:
        for (let count = random.between(1, 5); count > 0; count--) writers.get(id)!.publish(id)
        return
      case 7:
        if (writers.get(id) !== node) loseTail(node, id, random)
        return
      case 8:
        node.unwant(id)
        network.at(random.below(5_000), () => node.want(id))
        return
      case 9:
        if (node === other) return
        node.block(id, other.id, true)
        network.at(random.below(5_000), () => node.block(id, other.id, false))
        return
      default:
        node.storeMs = random.between(1, 400)
    }
  }
  for (let step = 0; step < 60; step++) {
    trouble()
    network.run(random.below(2_000))
  }
  return { network, nodes, feeds, newest, random }
}

/** The end of a feed was not on the disk when the node went down; what it knew of peers may be gone too. */
function loseTail(node: Node, id: ReturnType<typeof feedId>, random: SeededRandom): void {
  node.held.set(id, Math.floor((node.held.get(id) ?? 0) * random.next()))
  if (random.chance(0.5)) node.clocks.clear()
  node.restart()
}

describe('a healed network', () => {
  test.each(SEEDS)('holds the union of all feeds everywhere, seed %i', (seed) => {
    const { network, nodes, feeds, newest, random } = scenario(seed)
    network.run(6_000)
    for (const link of [...network.links]) link.close()
    // A tree, so that everything must pass through others.
    nodes.slice(1).forEach((node, at) => {
      const above = nodes[random.below(at + 1)]!
      if (random.chance(0.5)) network.connect(node, above)
      else network.connect(above, node)
    })
    network.run(60_000)
    for (const node of nodes) {
      for (const id of feeds) {
        expect([id, node.held.get(id) ?? 0], `node ${nodes.indexOf(node)}`).toEqual([
          id,
          newest(id),
        ])
      }
      expect(node.engine.stalled.size).toBe(0)
      expect(node.engine.behind.size).toBe(0)
    }
    // Nothing more is said where nothing more happens.
    const itemCount = () => [...network.links].reduce((sum, { items }) => sum + items.length, 0)
    const before = itemCount()
    network.run(600_000)
    expect(itemCount()).toBe(before)
  })

  test('gets there over dead connections too, while others live', () => {
    const network = new Network('dead')
    const feeds = Array.from({ length: 30 }, (_, number) => feedId(number))
    const [one, two, three] = [network.add(), network.add(), network.add()]
    for (const node of [one, two, three]) node.want(...feeds)
    for (const id of feeds) one.hold(id, 20)
    network.connect(two, one).isDead = true
    network.connect(one, two)
    network.connect(two, three)
    const dead = network.connect(three, one)
    network.run(35)
    dead.isDead = true
    network.run(60_000)
    for (const node of [two, three]) expect([...node.held.values()]).toEqual(feeds.map(() => 20))
  })
})

const MINDS = Array.from({ length: 600 }, (_, seed) => seed + 1)

describe('two peers who change their minds', () => {
  test.each(MINDS)('share what both want in the end, in the same session, seed %i', (seed) => {
    const random = new SeededRandom(`minds ${seed}`)
    const network = new Network(`minds ${seed}`)
    const sides = [network.add(), network.add()] as const
    const [one, other] = sides
    const feeds = Array.from({ length: 6 }, (_, number) => feedId(number))
    for (const id of feeds) pick(random, sides).hold(id, random.between(1, 5))
    let link = network.connect(one, other)
    for (let act = 0; act < 60; act++) {
      const side = pick(random, sides)
      const id = pick(random, feeds)
      const drawn = random.next()
      if (drawn < 0.45) side.want(id)
      else if (drawn < 0.8) side.unwant(id)
      else if (drawn < 0.95) side.block(id, (side === one ? other : one).id, random.chance(0.5))
      else {
        link.close()
        link = random.chance(0.5) ? network.connect(one, other) : network.connect(other, one)
      }
      network.run(random.pick([0, 1, 30, 200]))
    }
    for (const id of random.sample(feeds, feeds.length)) {
      for (const side of random.sample(sides, 2)) {
        side.block(id, (side === one ? other : one).id, false)
        side.want(id)
        network.run(random.pick([0, 1, 30, 200]))
      }
    }
    network.run(10_000)
    for (const id of feeds) expect(one.held.get(id), id).toBe(other.held.get(id))
  })
})

describe('many feeds', () => {
  test('cost an event the same, however many there are', () => {
    const network = new Network('many')
    const us = network.add()
    const peers = Array.from({ length: 20 }, () => network.add())
    const feeds = Array.from({ length: 20_000 }, (_, number) => feedId(number))
    us.want(...feeds)
    for (const id of feeds) us.held.set(id, 1)
    us.restart()
    for (const peer of peers) network.connect(us, peer)
    network.run(100)
    const { engine } = us
    let looked = 0
    const { held } = engine.feeds
    engine.feeds.held = new Proxy(held, {
      get(target, name) {
        looked += 1
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
      set: (target, name, value) => Reflect.set(target, name, value),
    })
    us.publish(feeds[7]!)
    engine.note([...engine.peers][3]!, feeds[9]!, 10, network.nowMs)
    expect(looked).toBeLessThan(500)
  })
})
