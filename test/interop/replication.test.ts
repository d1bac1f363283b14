import { describe, expect, test } from 'vitest'
import { PEER_KINDS } from './foreign-peer.js'
import { newKeys, type Role, startPair } from './pair.js'
import { posts, signedFeed } from './signed-feed.js'

const ROLES: readonly Role[] = ['dials', 'is dialled']

describe.each(PEER_KINDS)('with %s', (kind) => {
  describe.each(ROLES)('dunbar, which %s,', (role) => {
    test('and the peer have the whole feed of each other, byte for byte', async () => {
      const { ours, theirs, connect } = await startPair(kind, role)
      for (const text of ['one', 'two – with ünïcode 😀', 'three']) {
        await ours.publish({ type: 'post', text })
        await theirs.publish({ type: 'post', text })
      }
      await connect()
      await theirs.holds(ours.id, 4)
      const held = await ours.feedUpTo(theirs.id, 4)
      expect(held.map(({ value }) => value)).toEqual(await theirs.feed(theirs.id))
      const own = await ours.feedUpTo(ours.id, 4)
      expect(await theirs.feed(ours.id)).toEqual(own.map(({ value }) => value))
    })

    test('exchanges what either side publishes while they are connected', async () => {
      const { ours, theirs, connect } = await startPair(kind, role)
      await connect()
      await theirs.holds(ours.id, 1)
      await ours.feedUpTo(theirs.id, 1)
      await ours.publish({ type: 'post', text: 'from dunbar' })
      await theirs.holds(ours.id, 2)
      const { key } = await theirs.publish({ type: 'post', text: 'from the peer' })
      expect((await ours.feedUpTo(theirs.id, 2)).at(-1)?.key).toBe(key)
    })

    test('fetches a feed that it begins to follow while they are connected', async () => {
      const { ours, theirs, connect } = await startPair(kind, role)
      const carol = signedFeed(newKeys(), posts('a', 'b', 'c'))
      for (const message of carol) await theirs.add(message)
      await theirs.publish({ type: 'contact', contact: carol[0]!.author, following: true })
      await connect()
      // Friends of a friend are within the hops, as they are for the peer.
      const held = await ours.feedUpTo(carol[0]!.author, 3)
      expect(held.map(({ value }) => value)).toEqual(carol)

      const dave = signedFeed(newKeys(), posts('d', 'e'))
      for (const message of dave) await theirs.add(message)
      await theirs.publish({ type: 'contact', contact: dave[0]!.author, following: true })
      await ours.follow(dave[0]!.author)
      expect(await ours.feedUpTo(dave[0]!.author, 2)).toHaveLength(2)
    })

    test('serves a feed that the peer begins to follow while they are connected', async () => {
      const { ours, theirs, connect } = await startPair(kind, role)
      const carol = signedFeed(newKeys(), posts('a', 'b', 'c'))
      for (const message of carol) await ours.peer.call('add', [message])
      await ours.follow(carol[0]!.author)
      await connect()
      await theirs.holds(ours.id, 2)
      await theirs.publish({ type: 'contact', contact: carol[0]!.author, following: true })
      await theirs.holds(carol[0]!.author, 3)
      expect(await theirs.feed(carol[0]!.author)).toEqual(carol)
    })

    test('serves a feed whole that lies in blocks', async () => {
      const { ours, theirs, connect } = await startPair(kind, role)
      const texts = Array.from({ length: 150 }, (_, index) => `message ${index} – ünïcode 😀`)
      const carol = signedFeed(newKeys(), posts(...texts))
      for (const message of carol) await ours.peer.call('add', [message])
      const steps: unknown[] = []
      for await (const step of ours.peer.source('node.archive', [{ feed: carol[0]!.author }])) {
        steps.push(step)
      }
      expect(steps.at(-1)).toMatchObject({ result: { feeds: 1, messages: 134, failed: [] } })
      await ours.follow(carol[0]!.author)
      await connect()
      await theirs.holds(ours.id, 2)
      await theirs.publish({ type: 'contact', contact: carol[0]!.author, following: true })
      await theirs.holds(carol[0]!.author, 150)
      expect(await theirs.feed(carol[0]!.author)).toEqual(carol)
    })

    test('gives a peer whose data was deleted its own feed back', async () => {
      const { ours, theirs, connect, restart } = await startPair(kind, role)
      for (const text of ['one', 'two']) await theirs.publish({ type: 'post', text })
      await connect()
      await ours.feedUpTo(theirs.id, 3)
      await theirs.holds(ours.id, 1)
      const feed = await theirs.feed(theirs.id)
      const again = await restart()
      await again.connect()
      await again.theirs.holds(theirs.id, 3)
      expect(await again.theirs.feed(theirs.id)).toEqual(feed)
    })

    test('refuses a fork, keeps it as evidence and goes on with other feeds', async () => {
      const { ours, theirs, connect } = await startPair(kind, role)
      const keys = newKeys()
      const branch = signedFeed(keys, posts('a', 'b', 'c', 'd'))
      const other = signedFeed(keys, posts('a', 'b', 'another c', 'another d'))
      for (const message of branch.slice(0, 3)) await ours.peer.call('add', [message])
      for (const message of other) await theirs.add(message)
      await ours.follow(keys.id)
      await theirs.publish({ type: 'contact', contact: keys.id, following: true })
      const carol = signedFeed(newKeys(), posts('x', 'y'))
      for (const message of carol) await theirs.add(message)
      await theirs.publish({ type: 'contact', contact: carol[0]!.author, following: true })
      await connect()
      expect(await ours.feedUpTo(carol[0]!.author, 2)).toHaveLength(2)
      await ours.untilForked(keys.id)
      const held = await ours.feedUpTo(keys.id, 3)
      expect(held.map(({ value }) => value)).toEqual(branch.slice(0, 3))
      await theirs.publish({ type: 'post', text: 'still here' })
      await ours.feedUpTo(theirs.id, 4)
    })

    test('stops to exchange anything with a peer that it blocks', async () => {
      const { ours, theirs, connect } = await startPair(kind, role)
      await connect()
      await ours.feedUpTo(theirs.id, 1)
      await theirs.holds(ours.id, 1)
      const left = ours.untilPeerLeaves(theirs.id)
      await ours.block(theirs.id)
      await left
      await theirs.publish({ type: 'post', text: 'not for us' })
      await expect(connect()).rejects.toThrow()
      expect((await ours.clock())[theirs.id]).toBe(1)
      expect((await theirs.clock())[ours.id]).toBe(1)
    })
  })
})
