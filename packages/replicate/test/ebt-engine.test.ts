import { describe, expect, test } from 'vitest'
import { feedId, type Link, Network, type Node } from './ebt-network.js'

const alice = feedId(1)
const bob = feedId(2)
const carol = feedId(3)

const names = new Map([
  [alice, 'alice'],
  [bob, 'bob'],
  [carol, 'carol'],
])
/** What went over a link, with short names. */
const said = (link: Link) =>
  link.items.map((item) => [...names].reduce((text, [id, name]) => text.replaceAll(id, name), item))

function pair(): { network: Network; caller: Node; server: Node } {
  const network = new Network(1)
  return { network, caller: network.add(), server: network.add() }
}

/** Sessions one after the other, a second each. */
function sessions({ network, caller, server }: ReturnType<typeof pair>, count: number): void {
  for (let round = 0; round < count; round++) {
    const link = network.connect(caller, server)
    network.run(1_000)
    link.close()
  }
}

describe('a fresh session', () => {
  test('goes as two peers of the JavaScript stack do it', () => {
    const { network, caller, server } = pair()
    caller.want(alice, bob).hold(alice, 2)
    server.want(alice, bob, carol).hold(bob, 3)
    const link = network.connect(caller, server)
    network.run(2_000)
    expect(said(link)).toEqual([
      '< {"alice":0,"bob":6,"carol":0}',
      '> {"alice":4,"bob":0,"carol":-1}',
      '> alice#1',
      '> alice#2',
      '< bob#1',
      '< bob#2',
      '< bob#3',
    ])
    expect(Object.fromEntries(caller.held)).toEqual(Object.fromEntries(server.held))
  })

  test('begins with an empty clock where there is nothing to say', () => {
    const { network, caller, server } = pair()
    const link = network.connect(caller, server)
    network.run(2_000)
    expect(said(link)).toEqual(['< {}', '> {}'])
  })

  test('the caller says nothing before it has heard the other side', () => {
    const { network, caller, server } = pair()
    caller.want(alice).hold(alice, 1)
    const link = network.connect(caller, server)
    link.isDead = true
    network.run(10_000)
    expect(said(link)).toEqual(['< {}'])
  })
})

describe('the next session', () => {
  test('mentions nothing that both know to be equal', () => {
    const { network, caller, server } = pair()
    caller.want(alice, bob).hold(alice, 2)
    server.want(alice, bob).hold(bob, 3)
    // In the second one whoever sent messages learns that they arrived.
    sessions({ network, caller, server }, 2)
    const link = network.connect(caller, server)
    network.run(1_000)
    expect(said(link)).toEqual(['< {}', '> {}'])
  })

  test('mentions what has grown, and sends that alone', () => {
    const { network, caller, server } = pair()
    caller.want(alice).hold(alice, 2)
    server.want(alice)
    sessions({ network, caller, server }, 2)
    caller.publish(alice)
    const link = network.connect(caller, server)
    network.run(1_000)
    expect(said(link)).toEqual(['< {}', '> {"alice":6}', '< {"alice":4}', '> alice#3'])
  })

  test('serves a peer that has lost what it had', () => {
    const { network, caller, server } = pair()
    caller.want(alice).hold(alice, 9)
    server.want(alice)
    sessions({ network, caller, server }, 2)
    server.held.set(alice, 4)
    server.restart()
    sessions({ network, caller, server }, 1)
    expect(server.held.get(alice)).toBe(9)
  })

  test('serves a peer that has lost what it had from a third one', () => {
    const { network, caller, server } = pair()
    caller.want(alice).hold(alice, 2)
    server.want(alice).hold(alice, 1)
    // What each believes of the other is what it holds itself, so that nobody had a word to say.
    caller.clocks.set(server.id, [[alice, 2, 1]])
    server.clocks.set(caller.id, [[alice, 1, 2]])
    network.connect(caller, server)
    network.run(1_000)
    expect(server.held.get(alice)).toBe(2)
  })

  test('serves a peer that has lost everything, its clocks included', () => {
    const { network, caller, server } = pair()
    caller.want(alice).hold(alice, 9)
    server.want(alice)
    sessions({ network, caller, server }, 2)
    server.held.clear()
    server.clocks.clear()
    server.restart()
    sessions({ network, caller: server, server: caller }, 1)
    expect(server.held.get(alice)).toBe(9)
  })
})

describe('live messages', () => {
  test('are sent at once to who asked, without a note', () => {
    const { network, caller, server } = pair()
    caller.want(alice).hold(alice, 1)
    server.want(alice)
    const link = network.connect(caller, server)
    network.run(1_000)
    link.items.length = 0
    caller.publish(alice)
    caller.publish(alice)
    network.run(1_000)
    expect(said(link)).toEqual(['> alice#2', '> alice#3'])
  })

  test('of a feed that was skipped are told first, and asked for', () => {
    const { network, caller, server } = pair()
    caller.want(alice).hold(alice, 1)
    server.want(alice).hold(alice, 1)
    caller.clocks.set(server.id, [[alice, 1, 1]])
    server.clocks.set(caller.id, [[alice, 1, 1]])
    const link = network.connect(caller, server)
    network.run(1_000)
    caller.publish(alice)
    network.run(1_000)
    caller.publish(alice)
    network.run(1_000)
    expect(said(link)).toEqual([
      '< {}',
      '> {}',
      '> {"alice":5}',
      '< {"alice":2}',
      '> alice#2',
      '> alice#3',
    ])
  })

  test('reach a peer that was refused the feed before it was replicated', () => {
    const { network, caller, server } = pair()
    const third = network.add().want(alice)
    caller.want(alice)
    // The caller asks the third one, and only tells the server of the feed.
    network.connect(caller, third)
    network.run(1_000)
    network.connect(caller, server)
    network.run(1_000)
    server.want(alice)
    network.run(1_000)
    server.hold(alice, 3)
    network.run(1_000)
    expect(caller.held.get(alice)).toBe(3)
  })

  test('cross a ring of peers without many second copies', () => {
    const network = new Network(5)
    const ring = Array.from({ length: 5 }, () => network.add().want(alice))
    for (let at = 0; at < 5; at++) network.connect(ring[at]!, ring[(at + 1) % 5]!)
    network.run(1_000)
    const publishTen = () => {
      for (let round = 0; round < 10; round++) {
        ring[0]!.publish(alice)
        network.run(1_000)
      }
    }
    publishTen()
    expect(ring.map((node) => node.held.get(alice))).toEqual(Array(5).fill(10))
    const known = () => ring.reduce((sum, node) => sum + node.knownCount, 0)
    const before = known()
    publishTen()
    expect(ring.map((node) => node.held.get(alice))).toEqual(Array(5).fill(20))
    expect(known() - before).toBeLessThanOrEqual(10)
  })
})

describe('one peer at a time', () => {
  test('is asked to send a feed; another one takes over when it leaves', () => {
    const network = new Network(3)
    const us = network.add().want(alice)
    const one = network.add().want(alice).hold(alice, 5_000)
    const two = network.add().want(alice).hold(alice, 5_000)
    const first = network.connect(us, one)
    network.run(60)
    const second = network.connect(us, two)
    network.run(200)
    expect(first.messageCount).toBeGreaterThan(0)
    expect(second.messageCount).toBe(0)
    first.close()
    network.run(10_000)
    expect(us.held.get(alice)).toBe(5_000)
    expect(second.messageCount).toBeGreaterThan(0)
    expect(us.knownCount).toBeLessThan(200)
  })

  test('is left for another one when it stalls', () => {
    const network = new Network(3)
    const us = network.add().want(alice)
    const one = network.add().want(alice).hold(alice, 500)
    const two = network.add().want(alice).hold(alice, 500)
    const first = network.connect(us, one)
    network.run(100)
    network.connect(us, two)
    first.isDead = true
    network.run(20_000)
    expect(us.held.get(alice)).toBe(500)
  })

  test('is left for one that is further ahead', () => {
    const network = new Network(3)
    const us = network.add().want(alice)
    const one = network.add().want(alice).hold(alice, 3)
    const two = network.add().want(alice).hold(alice, 9)
    network.connect(us, one)
    network.run(1_000)
    network.connect(us, two)
    network.run(1_000)
    expect(us.held.get(alice)).toBe(9)
    expect(one.held.get(alice)).toBe(9)
  })

  test('is asked again, less and less often, where nobody else has the feed', () => {
    const { network, caller, server } = pair()
    caller.want(alice)
    server.want(alice).hold(alice, 5)
    const link = network.connect(caller, server)
    network.run(1_000)
    // It claims more than it gives.
    caller.engine.note(link.peerOn(caller), alice, 20, network.nowMs)
    network.run(300_000)
    const asked = said(link).filter((item) => item.startsWith('> {"alice"')).length
    expect(asked).toBeGreaterThan(2)
    expect(asked).toBeLessThan(12)
    expect([...caller.engine.stalled.keys()]).toEqual([caller.engine.feeds.numberOf(alice)])
    server.hold(alice, 10)
    network.run(1_000)
    expect(caller.held.get(alice)).toBe(10)
    expect(caller.engine.stalled.size).toBe(0)
  })
})

describe('two sessions with one peer', () => {
  test('both live, and replication goes on when either ends', () => {
    const { network, caller, server } = pair()
    caller.want(alice)
    server.want(alice).hold(alice, 1_000)
    const one = network.connect(caller, server)
    const two = network.connect(server, caller)
    network.run(50)
    one.close()
    network.run(10_000)
    expect(caller.held.get(alice)).toBe(1_000)
    server.publish(alice)
    network.run(1_000)
    expect(caller.held.get(alice)).toBe(1_001)
    two.close()
    expect([...caller.engine.peers]).toEqual([])
  })
})

describe('what is replicated', () => {
  test('can begin in a session, also where the peer had asked for it before', () => {
    const { network, caller, server } = pair()
    caller.want(alice)
    const link = network.connect(caller, server)
    network.run(1_000)
    server.want(alice)
    network.run(1_000)
    server.hold(alice, 3)
    network.run(5_000)
    expect(caller.held.get(alice)).toBe(3)
    expect(said(link).slice(0, 3)).toEqual(['< {}', '> {"alice":0}', '< {"alice":-1}'])
  })

  test('can end in a session', () => {
    const { network, caller, server } = pair()
    caller.want(alice).hold(alice, 2)
    server.want(alice)
    const link = network.connect(caller, server)
    network.run(1_000)
    server.unwant(alice)
    network.run(1_000)
    caller.publish(alice)
    network.run(5_000)
    expect(server.held.get(alice)).toBe(2)
    expect(said(link).at(-1)).toBe('< {"alice":-1}')
  })

  test('goes on once both want again what both have refused', () => {
    const { network, caller, server } = pair()
    caller.want(alice).hold(alice, 3)
    network.connect(caller, server)
    network.run(1_000)
    caller.unwant(alice)
    network.run(1_000)
    server.want(alice)
    network.run(1_000)
    caller.want(alice)
    network.run(5_000)
    expect(server.held.get(alice)).toBe(3)
  })

  test('is not refused after all where it came to be wanted before that was said', () => {
    const { network, caller, server } = pair()
    caller.want(alice).hold(alice, 3)
    network.connect(caller, server)
    while (server.engine.feeds.numberOf(alice) === -1) {
      network.run(1)
      const [peer] = server.engine.peers
      if (peer!.refusals.length > 0) server.want(alice)
    }
    network.run(5_000)
    expect(server.held.get(alice)).toBe(3)
  })

  test('is not asked of a peer that refused it before', () => {
    const { network, caller, server } = pair()
    caller.want(alice)
    sessions({ network, caller, server }, 1)
    const link = network.connect(caller, server)
    network.run(1_000)
    expect(said(link)).toEqual(['< {}', '> {}'])
  })
})

describe('blocks', () => {
  test('nothing of a feed goes to whom its author blocks', () => {
    const { network, caller, server } = pair()
    caller.want(alice).hold(alice, 3)
    caller.block(alice, server.id, true)
    server.want(alice)
    const link = network.connect(caller, server)
    network.run(10_000)
    expect(said(link)).toEqual(['< {"alice":0}', '> {"alice":-1}'])
  })

  test('take effect in a session, and end in it', () => {
    const { network, caller, server } = pair()
    caller.want(alice).hold(alice, 1)
    server.want(alice)
    const link = network.connect(caller, server)
    network.run(1_000)
    caller.block(alice, server.id, true)
    caller.publish(alice)
    network.run(1_000)
    expect(said(link).at(-1)).toBe('> {"alice":-1}')
    expect(server.held.get(alice)).toBe(1)
    caller.block(alice, server.id, false)
    network.run(5_000)
    expect(server.held.get(alice)).toBe(2)
  })
})

describe('what a peer gets wrong', () => {
  test('messages that nobody asked for, or out of order, are not taken', () => {
    const { network, caller, server } = pair()
    server.want(alice)
    const peer = network.connect(caller, server).peerOn(server)
    network.run(1_000)
    // The other side refused it; it may think better of that.
    const { engine } = server
    const feed = engine.feeds.numberOf(alice)
    expect(engine.admit(peer, engine.feeds.numberOf(bob), 1, network.nowMs)).toBe('unasked')
    expect(engine.admit(peer, feed, 2, network.nowMs)).toBe('gap')
    expect(engine.admit(peer, feed, 1, network.nowMs)).toBe('take')
    expect(engine.admit(peer, feed, 1, network.nowMs)).toBe('known')
    server.unwant(alice)
    expect(engine.admit(peer, feed, 2, network.nowMs)).toBe('late')
  })

  test('a feed with refused messages is asked of others, and no more of this peer', () => {
    const network = new Network(9)
    const us = network.add().want(alice)
    const bad = network.add().want(alice).hold(alice, 9)
    const good = network.add().want(alice).hold(alice, 7)
    const link = network.connect(us, bad)
    us.storeMs = 1e9
    network.run(1_000)
    us.storeMs = 1
    network.connect(us, good)
    network.run(200)
    const feed = us.engine.feeds.numberOf(alice)
    us.engine.refused(link.peerOn(us), feed, true, network.nowMs)
    network.run(10_000)
    expect(us.held.get(alice)).toBe(7)
    expect(us.engine.admit(link.peerOn(us), feed, 8, network.nowMs)).toBe('late')
  })

  test('a feed with refused messages is promised to its sender no more, who asks no more', () => {
    const { network, caller, server } = pair()
    caller.want(alice).hold(alice, 1)
    server.want(alice)
    const link = network.connect(caller, server)
    network.run(1_000)
    const { engine } = server
    const feed = engine.feeds.numberOf(alice)
    engine.refused(link.peerOn(server), feed, true, network.nowMs)
    // What its sender said before it heard of that comes now.
    engine.note(link.peerOn(server), alice, 3, network.nowMs)
    server.hold(alice, 5)
    engine.note(link.peerOn(server), alice, 3, network.nowMs)
    network.run(60_000)
    expect(said(link).at(-1)).toBe('< {"alice":-1}')
    expect(caller.engine.stalled.size).toBe(0)
  })

  test('a million unknown feeds cost little memory, and each is refused once', () => {
    const { network, caller, server } = pair()
    const peer = network.connect(caller, server).peerOn(server)
    peer.mustSpeak = false
    for (let number = 0; number < 1_000_000; number++) {
      server.engine.note(peer, `@${number}`, 2, network.nowMs)
    }
    expect(server.engine.feeds.size).toBe(0)
    expect(peer.strangers.count).toBe(100)
    expect(peer.strangers.sizeBytes).toBeLessThan(10_000)
    const counts: number[] = []
    for (let text = server.engine.takeNotes(peer); text !== null; ) {
      counts.push(Object.keys(JSON.parse(text)).length)
      text = server.engine.takeNotes(peer)
    }
    expect(counts).toEqual([50, 50])
  })
})
