import { copyFileSync, cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { contact, feedUpTo, follow } from '../fixtures/peers.js'
import { dunbarJson, dunbarPrints, dunbarRefuses } from '../fixtures/program.js'
import { collect, type Kvt, type RunningNode, runningNode } from '../fixtures/running-node.js'
import { temporaryFolder } from '../fixtures/temporary-folder.js'

/** A node whose folder is not what it was: it gets its own feed back before it signs again. */

const post = (text: string) => [{ type: 'post', text }]
const publish = async ({ peer }: RunningNode, text: string) =>
  (await peer.call('publish', post(text))) as Kvt

interface Published {
  readonly id: string
  readonly ben: RunningNode
  /** A friend of Ben's, who holds what Ben does. */
  readonly carl: RunningNode
  /** A copy of the folder with two messages. */
  readonly backup: string
  readonly path: string
  /** The messages that Ben holds. */
  readonly held: readonly Kvt[]
}

/** Ana publishes four messages, which Ben and Carl hold, and stops; the backup is older than the last two. */
async function publishAndStop(): Promise<Published> {
  const ends: (() => void | Promise<void>)[] = []
  const ana = await runningNode({}, (run) => ends.unshift(run))
  const ben = await runningNode()
  const carl = await runningNode()
  const { id } = ana.node
  await follow(ana.peer, ben.node.id)
  await follow(ben.peer, id)
  await follow(ben.peer, carl.node.id)
  await follow(carl.peer, id)
  await publish(ana, 'before the backup')
  const backup = temporaryFolder()
  cpSync(join(ana.path, 'feeds'), join(backup, 'feeds'), { recursive: true })
  copyFileSync(join(ana.path, 'secret'), join(backup, 'secret'))
  await publish(ana, 'after the backup')
  await publish(ana, 'and another one')
  await ana.peer.call('conn.connect', [ben.node.address])
  const held = await feedUpTo(ben.peer, id, 4)
  await carl.peer.call('conn.connect', [ben.node.address])
  await feedUpTo(carl.peer, id, 4)
  await ana.peer.close()
  await ana.node.stop()
  const path = join(temporaryFolder(), 'again')
  onTestFinished(async () => {
    for (const end of ends) await end()
  })
  return { id, ben, carl, backup, path, held }
}

async function recoversFrom({ id, ben, carl, path, held }: Published, heldAtFirst: number) {
  const [before] = await dunbarJson<{ publish: unknown }>(['status', '--path', path])
  expect(before!.publish).toEqual({
    state: 'recovering',
    held: heldAtFirst,
    mark: null,
    claimed: 0,
  })
  expect(await dunbarPrints(['status', '--path', path])).toMatch(
    /^publishing +recovering: peers have not confirmed yet that all own messages are here$/m,
  )
  expect(
    await dunbarRefuses(['publish', '--type', 'post', '--text', 'too early', '--path', path]),
  ).toMatch(
    /^publishing is locked: this identity may have newer messages elsewhere\. Stay connected/,
  )
  const again = await runningNode({ path })
  expect(again.node.id).toBe(id)
  await again.peer.call('conn.connect', [ben.node.address])
  const own = await feedUpTo(again.peer, id, 4)
  expect(own.map(({ key }) => key)).toEqual(held.map(({ key }) => key))
  // One who knows it may be behind; that another one knows no more opens the lock.
  await again.peer.call('conn.connect', [carl.node.address])
  await untilSafe(again)
  const next = await publish(again, 'once more')
  expect(next.value).toMatchObject({ sequence: 5, previous: held.at(-1)!.key })
  const atBen = await feedUpTo(ben.peer, id, 5)
  expect(atBen.at(-1)!.key).toBe(next.key)
  const forks = await collect(ben.peer.source('feeds.forked', [{}]))
  expect(forks).toEqual([])
}

/** Resolves when the node may publish; every answer is waited for before it is asked again. */
async function untilSafe({ peer }: RunningNode): Promise<void> {
  for (;;) {
    const { publish } = (await peer.call('status', [])) as { publish: { state: string } }
    if (publish.state === 'safe') return
  }
}

test('a folder restored from an older backup gets its messages back and publishes on', async () => {
  const published = await publishAndStop()
  cpSync(published.backup, published.path, { recursive: true })
  await recoversFrom(published, 2)
})

test('a secret in an empty folder gets its feed back and publishes on', async () => {
  const published = await publishAndStop()
  mkdirSync(published.path)
  copyFileSync(join(published.backup, 'secret'), join(published.path, 'secret'))
  mkdirSync(join(published.path, 'feeds'))
  await recoversFrom(published, 0)
})

test('a friend whom the backup still blocks gives back the message that lifts the block', async () => {
  const ends: (() => void | Promise<void>)[] = []
  const path = join(temporaryFolder(), 'again')
  onTestFinished(async () => {
    for (const end of ends) await end()
  })
  const first = await runningNode({}, (run) => ends.unshift(run))
  const ben = await runningNode()
  const { id } = first.node
  await follow(ben.peer, id)
  await first.peer.call('publish', [contact(ben.node.id, { blocking: true })])
  await first.peer.close()
  await first.node.stop()
  for (const name of ['feeds', 'secret']) {
    cpSync(join(first.path, name), join(path, name), { recursive: true })
  }
  const ana = await runningNode({ path: first.path }, (run) => ends.unshift(run))
  await follow(ana.peer, ben.node.id)
  await ana.peer.call('conn.connect', [ben.node.address])
  await feedUpTo(ben.peer, id, 2)
  await ana.peer.close()
  await ana.node.stop()

  const again = await runningNode({ path })
  expect(await again.peer.call('friends.isBlocking', [{ source: id, dest: ben.node.id }])).toBe(
    true,
  )
  await again.peer.call('conn.connect', [ben.node.address])
  const own = await feedUpTo(again.peer, id, 2)
  expect(own.at(-1)!.value.content).toMatchObject({ contact: ben.node.id, following: true })
})

test('a backup that has its mark says how many messages are missing', async () => {
  const { path, node, peer } = await runningNode()
  await peer.call('publish', post('one'))
  await peer.close()
  await node.stop()
  const backup = join(temporaryFolder(), 'feeds')
  cpSync(join(path, 'feeds'), backup, { recursive: true })
  const later = await runningNode({ path })
  await publish(later, 'two')
  await later.peer.close()
  await later.node.stop()
  rmSync(join(path, 'feeds'), { recursive: true })
  cpSync(backup, join(path, 'feeds'), { recursive: true })
  expect(await dunbarPrints(['status', '--path', path])).toMatch(
    /^publishing +recovering: 1 of at least 2 own messages are here$/m,
  )
})

test('without peers the word of the user opens the lock', async () => {
  const { backup, path, held } = await publishAndStop()
  cpSync(backup, path, { recursive: true })
  expect(await dunbarJson(['unlock', '--path', path])).toEqual([{ sequence: 2 }])
  expect(await dunbarPrints(['unlock', '--path', path])).toBe(
    'unlocked; the next message will be number 3\n',
  )
  const [message] = await dunbarJson<Kvt>([
    ...['publish', '--type', 'post', '--text', 'on'],
    ...['--path', path],
  ])
  expect(message!.value).toMatchObject({ sequence: 3, previous: held[1]!.key })
})
