import { MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'
import { Blocking } from '../src/blocking.js'
import { Author, keysOf, TestNode, TestSet } from './test-node.js'

const [ana, ben, carl] = [keysOf('ana').id, keysOf('ben').id, keysOf('carl').id]

describe('a block by the own feed', () => {
  test('keeps a peer out, and all feeds from it', () => {
    const set = new TestSet([ana, carl])
    const blocking = new Blocking(ana, set)
    set.block(ana, ben)
    expect(blocking.isShutOut(ben)).toBe(true)
    expect([ana, carl].map((feed) => blocking.isApart(feed, ben))).toEqual([true, true])
    expect([ana, carl].map((feed) => blocking.isHidden(feed, ben))).toEqual([true, true])
    expect(blocking.isShutOut(carl)).toBe(false)
  })

  test('lets a peer give back the own feed alone while that is being recovered', () => {
    const set = new TestSet([ana, carl])
    const blocking = new Blocking(ana, set)
    set.block(ana, ben)
    blocking.isRecovering = true
    expect(blocking.isShutOut(ben)).toBe(false)
    expect([ana, carl].map((feed) => blocking.isApart(feed, ben))).toEqual([false, true])
    expect([ana, carl].map((feed) => blocking.isHidden(feed, ben))).toEqual([true, true])
    expect(blocking.isGivenNothing(ben)).toBe(true)
  })

  test('that a local client asks for keeps that feed from that peer, whatever is being recovered', () => {
    const blocking = new Blocking(ana, new TestSet([ana, carl]))
    blocking.isRecovering = true
    blocking.ask(ana, ben, true)
    expect([ana, carl].map((feed) => blocking.isApart(feed, ben))).toEqual([true, false])
    expect([ana, carl].map((feed) => blocking.isHidden(feed, ben))).toEqual([true, false])
    expect(blocking.isShutOut(ben)).toBe(false)
    blocking.ask(ana, ben, false)
    expect(blocking.isApart(ana, ben)).toBe(false)
  })
})

/** Ana comes back with nothing but her secret; Ben, whom a message of hers blocks, holds her feed. */
async function comeback() {
  const [own, other] = [new Author('ana'), new Author('carl')]
  own.write(5)
  const fs = new MemoryFileSystem()
  fs.makeFolder('/data')
  const node = await TestNode.start('ana', { fs, feeds: [other.id] })
  await node.store(other, other.write(3))
  const peer = await TestNode.start('ben', { feeds: [own.id, other.id] })
  await peer.store(own, own.messages)
  node.set.block(node.id, peer.id)
  const shutOut: string[] = []
  node.replicator.onShutOut((id) => shutOut.push(id))
  return { node, peer, own, other, shutOut }
}

describe('a node that recovers its own feed', () => {
  test('takes it from whom its messages of the past block, and gives that peer nothing', async () => {
    const { node, peer, own, other, shutOut } = await comeback()
    await node.dial(peer)
    await node.holds(own.id, 5)
    const [back] = peer.peers
    expect(await back!.connection.call('ebt.clock', [{}])).toEqual({})
    for await (const _ of back!.connection.source('createHistoryStream', [{ id: other.id }])) {
      expect.unreachable('a message was given')
    }
    expect(await peer.held(other.id)).toBe(0)
    expect(shutOut).toEqual([])
    node.set.block(node.id, peer.id, false)
    await peer.holds(other.id, 3)
  })

  test('gives nothing more to whom a message blocks that comes while they are connected', async () => {
    const { node, peer, own, other } = await comeback()
    node.set.block(node.id, peer.id, false)
    await node.dial(peer)
    await peer.holds(other.id, 3)
    node.set.block(node.id, peer.id)
    await node.store(other, other.write(1))
    await peer.store(own, own.write(1))
    await node.holds(own.id, 6)
    expect(await peer.peers[0]!.connection.call('ebt.clock', [{}])).toEqual({})
    expect(await peer.held(other.id)).toBe(3)
    node.set.block(node.id, peer.id, false)
    await peer.holds(other.id, 4)
  })

  test('shuts that peer out as soon as the lock is open', async () => {
    const { node, peer, own, shutOut } = await comeback()
    await node.dial(peer)
    await node.holds(own.id, 5)
    await node.feed(own.id).unlock()
    await node.replicator.lookAtOwnFeed()
    expect(shutOut).toEqual([peer.id])
    expect(node.replicator.isShutOut(peer.id)).toBe(true)
    expect(node.replicator.status().peers).toEqual([])
  })

  test('waits for nothing where it is forked: who is blocked stays out', async () => {
    const { node, peer, own } = await comeback()
    await node.store(own, own.messages)
    const [, second] = own.messages
    await node.store(own, [own.sign(own.messages[0]!, `not ${second!.key}`)])
    await node.replicator.lookAtOwnFeed()
    expect(await node.feed(own.id).status()).toMatchObject({
      forked: true,
      publish: { state: 'recovering' },
    })
    expect(node.replicator.isShutOut(peer.id)).toBe(true)
  })
})
