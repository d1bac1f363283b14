import { describe, expect, test } from 'vitest'
import { feedId, type Link, Network } from './ebt-network.js'

const alice = feedId(1)
const said = (link: Link) => link.items.map((item) => item.replaceAll(alice, 'alice'))

describe('a deferred feed', () => {
  test('is told and asked of nobody, and comes once it is released', () => {
    const network = new Network(1)
    const [caller, server] = [network.add(), network.add()]
    caller.want(alice)
    caller.engine.defer(alice)
    server.want(alice).hold(alice, 2)
    const link = network.connect(caller, server)
    network.run(10_000)
    expect(said(link).filter((item) => item.startsWith('>'))).toEqual(['> {"alice":1}'])
    caller.engine.release(alice, network.nowMs)
    network.run(2_000)
    expect(said(link).slice(-3)).toEqual(['> {"alice":0}', '< alice#1', '< alice#2'])
  })

  test('is asked of a peer that claims nothing yet, once it is released', () => {
    const network = new Network(1)
    const [caller, server] = [network.add(), network.add()]
    caller.want(alice)
    server.want(alice)
    server.engine.defer(alice)
    const link = network.connect(caller, server)
    network.run(1_000)
    server.engine.release(alice, network.nowMs)
    network.run(1_000)
    caller.hold(alice, 1)
    network.run(1_000)
    expect(said(link).at(-1)).toBe('> alice#1')
  })
})

describe('a feed of which not all may be passed on', () => {
  test('is told and given so far, and the rest once it may be', () => {
    const network = new Network(1)
    const [caller, server] = [network.add(), network.add()]
    caller.want(alice)
    server.want(alice).hold(alice, 5)
    server.engine.setHeld(alice, 5, network.nowMs, 2)
    network.connect(caller, server)
    network.run(2_000)
    expect(caller.held.get(alice)).toBe(2)
    server.engine.setHeld(alice, 5, network.nowMs, 5)
    network.run(2_000)
    expect(caller.held.get(alice)).toBe(5)
  })

  test('is asked for from the end of what is held', () => {
    const network = new Network(1)
    const [caller, server] = [network.add(), network.add()]
    caller.want(alice).hold(alice, 3)
    caller.engine.setHeld(alice, 3, network.nowMs, 0)
    server.want(alice).hold(alice, 5)
    const link = network.connect(caller, server)
    network.run(2_000)
    expect(said(link).filter((item) => item.includes('#'))).toEqual(['< alice#4', '< alice#5'])
  })
})
