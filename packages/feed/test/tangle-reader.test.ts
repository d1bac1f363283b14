import type { MessageKey } from '@dunbar/core'
import { describe, expect, test } from 'vitest'
import type { TangleRows } from '../src/protocol.js'
import { Author, framesOf, TestShard } from './shard-fixture.js'

const keysOfRows = ({ rows, frames }: TangleRows) => {
  expect(framesOf(frames).map(({ key }) => key)).toEqual(rows.map(({ key }) => key))
  return rows.map(({ key }) => key)
}

/** A key that the index can't tell from another: the first eight bytes are the same. */
function lookalike(key: MessageKey): MessageKey {
  const bytes = Buffer.from(key.slice(1, 45), 'base64')
  bytes[20] = bytes[20]! ^ 0xff
  return `%${bytes.toString('base64')}.sha256` as MessageKey
}

async function sample() {
  const [ada, ben] = [new Author('ada'), new Author('ben')]
  const root = ada.write({ type: 'post', text: 'root' })
  const reply = ben.write({ type: 'post', root: root.key, branch: root.key })
  const fork = ada.write({ type: 'post', root: reply.key, fork: root.key, branch: [reply.key] })
  const mention = ben.write({ type: 'post', mentions: [{ link: root.key }] })
  const twin = ada.write({ type: 'post', root: lookalike(root.key), branch: root.key })
  const grouped = ben.write({
    type: 'post',
    tangles: { group: { root: root.key, previous: [reply.key] } },
  })
  const secret = ada.write(`${'A'.repeat(64)}.box`)
  const shard = await TestShard.open()
  await shard.append(ada, ada.messages)
  await shard.append(ben, ben.messages)
  return { ada, ben, root, reply, fork, mention, twin, grouped, secret, shard }
}

describe('a tangle', () => {
  test('is its root and all that name it as root or fork, and nothing else', async () => {
    const { root, reply, fork, shard } = await sample()
    const found = await shard.run(shard.shard.tangle({ root: root.key }))
    expect(keysOfRows(found).sort()).toEqual([root.key, reply.key, fork.key].sort())
    expect(found.rows.find(({ key }) => key === fork.key)).toMatchObject({
      author: fork.author,
      timestamp: fork.timestamp,
      root: reply.key,
      fork: root.key,
      branch: [reply.key],
      isPrivate: false,
    })
    await shard.stop()
  })

  test('leaves out what the index takes for it by a shared fingerprint', async () => {
    const { root, twin, shard } = await sample()
    const found = await shard.run(shard.shard.tangle({ root: root.key }))
    expect(keysOfRows(found)).not.toContain(twin.key)
    expect(keysOfRows(await shard.run(shard.shard.tangle({ root: lookalike(root.key) })))).toEqual([
      twin.key,
    ])
    await shard.stop()
  })

  test('by name is that of the v2 tangle, with its own root and previous', async () => {
    const { root, reply, grouped, shard } = await sample()
    const found = await shard.run(shard.shard.tangle({ root: root.key, name: 'group' }))
    expect(keysOfRows(found).sort()).toEqual([root.key, grouped.key].sort())
    expect(found.rows.find(({ key }) => key === grouped.key)).toMatchObject({
      root: root.key,
      branch: [reply.key],
    })
    expect(
      keysOfRows(await shard.run(shard.shard.tangle({ root: root.key, name: 'other' }))),
    ).toEqual([root.key])
    await shard.stop()
  })

  test('of a private root is there and says that it is private', async () => {
    const { secret, shard } = await sample()
    const { rows } = await shard.run(shard.shard.tangle({ root: secret.key }))
    expect(rows).toMatchObject([{ key: secret.key, isPrivate: true, root: null, branch: [] }])
    await shard.stop()
  })

  test('is the same when it is read again after the indexes of a feed were folded again', async () => {
    const { ada, root, shard } = await sample()
    const before = keysOfRows(await shard.run(shard.shard.tangle({ root: root.key }))).sort()
    await shard.run(shard.feed(ada).rebuild())
    expect(keysOfRows(await shard.run(shard.shard.tangle({ root: root.key }))).sort()).toEqual(
      before,
    )
    await shard.stop()
  })

  test('live gives each message that arrives once, a late root too, and no stranger', async () => {
    const [ada, ben] = [new Author('ada'), new Author('ben')]
    const root = ada.write({ type: 'post', text: 'root' })
    const replies = [1, 2, 3].map(() => ben.write({ type: 'post', root: root.key }))
    const twin = ben.write({ type: 'post', root: lookalike(root.key) })
    const shard = await TestShard.open()
    await shard.append(ben, replies.slice(0, 1))
    const seen: string[] = []
    const stream = shard.shard.tangleLive({ root: root.key })
    const reading = (async () => {
      for await (const rows of stream) seen.push(...keysOfRows(rows))
    })()
    await shard.simulation.runUntilIdle()
    await shard.append(ben, replies.slice(1, 2))
    await shard.append(ada, [root])
    await shard.append(ben, [replies[2]!, twin])
    await shard.simulation.runUntilIdle()
    expect(seen).toEqual([replies[1]!.key, root.key, replies[2]!.key])
    await stream.return?.()
    await shard.run(reading)
    await shard.stop()
  })

  test.each(['', 'x', `%${'A'.repeat(43)}B.sha256`, 5, null])(
    'refuses the root %j',
    async (root) => {
      const shard = await TestShard.open()
      expect(await shard.codeOf(shard.shard.tangle({ root: root as MessageKey }))).toBe(
        'REQUEST_INVALID',
      )
      expect(await shard.codeOf(shard.shard.tangleLive({ root: root as MessageKey }).next())).toBe(
        'REQUEST_INVALID',
      )
      expect(shard.events).toEqual([])
      await shard.stop()
    },
  )
})
