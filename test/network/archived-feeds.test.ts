import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from '@dunbar/client'
import { expect, onTestFinished, test } from 'vitest'
import { feedFolder } from '../fixtures/feed-files.js'
import { feedUpTo, follow } from '../fixtures/peers.js'
import {
  dunbarJson,
  dunbarPrints,
  type NodeProgram,
  startNodeProgram,
} from '../fixtures/program.js'
import { generated, importLines } from '../fixtures/running-node.js'
import { temporaryFolder } from '../fixtures/temporary-folder.js'

/** Feeds that lie in blocks at one node, and peers that know nothing of it. */

const { lines, all } = generated(3, 600)
const authors = [...new Set(all.map(({ value }) => value.author))]
const author = authors[0]!
const count = all.filter(({ value }) => value.author === author).length

const at = ({ ready }: NodeProgram) => ['--path', ready.path]
const exported = (node: NodeProgram, feed: string) =>
  dunbarPrints(['export', '--feed', feed, ...at(node)])
/** As signed: the time of arrival is each node's own. */
const valuesOf = (lines: string) =>
  lines
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/,"timestamp":[0-9.]+}$/, ''))

async function clientOf({ ready }: NodeProgram) {
  const client = await connect({ path: ready.path })
  onTestFinished(() => client.close())
  return client
}

/** A node that holds three feeds, nearly all of each in blocks. */
async function archivedNode(folder: string): Promise<NodeProgram> {
  const node = await startNodeProgram(join(folder, 'archived'))
  await importLines((await clientOf(node)).peer, lines)
  const [packed] = await dunbarJson(['archive', '--all', ...at(node)])
  expect(packed).toMatchObject({ feeds: 3, messages: 600 - 3 * 16, failed: [] })
  return node
}

test('a newcomer fetches archived feeds whole, byte for byte', async () => {
  const folder = temporaryFolder()
  const archived = await archivedNode(folder)
  const path = join(folder, 'new')
  await dunbarJson(['sync', '--from', archived.ready.address, '--all', '--path', path])
  for (const feed of authors) {
    const fetched = await dunbarPrints(['export', '--feed', feed, '--path', path])
    expect(valuesOf(fetched)).toEqual(valuesOf(await exported(archived, feed)))
  }
  await archived.kill('SIGTERM')
})

test('an archived feed comes by EBT and goes on live, and a hole in a block is filled by a peer', async () => {
  const folder = temporaryFolder()
  const archived = await archivedNode(folder)
  const friend = await startNodeProgram(join(folder, 'friend'))
  const [toArchived, toFriend] = [await clientOf(archived), await clientOf(friend)]
  await follow(toArchived.peer, author)
  await follow(toFriend.peer, archived.ready.id)
  await follow(toArchived.peer, friend.ready.id)
  await toFriend.peer.call('conn.connect', [archived.ready.address])
  await feedUpTo(toFriend.peer, author, count)
  expect(valuesOf(await exported(friend, author))).toEqual(
    valuesOf(await exported(archived, author)),
  )
  await toArchived.publish({ type: 'post', text: 'on' })
  await feedUpTo(toFriend.peer, archived.ready.id, 3)
  await archived.kill('SIGTERM')

  const blocks = join(feedFolder(archived.ready.path, author), 'blocks')
  const file = join(blocks, readdirSync(blocks)[0]!)
  const bytes = readFileSync(file)
  bytes[bytes.length >> 1]! ^= 4
  writeFileSync(file, bytes)
  const found = await dunbarJson<{ damaged: unknown[] }>(['rebuild', '--path', archived.ready.path])
  expect(found).toMatchObject([{ failed: [] }])
  const again = await startNodeProgram(archived.ready.path)
  const toAgain = await clientOf(again)
  await toAgain.peer.call('conn.connect', [friend.ready.address])
  await feedUpTo(toAgain.peer, author, count)
  expect(await dunbarJson(['verify', ...at(again)])).toMatchObject([{ damaged: [] }])
  await dunbarJson(['archive', '--feed', author, ...at(again)])
  expect(valuesOf(await exported(again, author))).toEqual(valuesOf(await exported(friend, author)))
  for (const node of [again, friend]) await node.kill('SIGTERM')
})
