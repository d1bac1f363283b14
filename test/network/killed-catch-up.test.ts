import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Client, connect } from '@dunbar/client'
import { expect, onTestFinished, test } from 'vitest'
import { ArchivedFeed, putBlobs } from '../fixtures/archived-feed.js'
import { feedUpTo } from '../fixtures/peers.js'
import { type NodeProgram, startNodeProgram } from '../fixtures/program.js'
import { importLines, runningNode } from '../fixtures/running-node.js'
import { temporaryFolder } from '../fixtures/temporary-folder.js'

async function clientOf({ ready }: NodeProgram): Promise<Client> {
  const client = await connect({ path: ready.path })
  onTestFinished(() => client.close())
  return client
}

test('a newcomer that is killed in the middle of an archive goes on with it', async () => {
  const feed = new ArchivedFeed('killed in the middle', 5_000)
  const { id } = feed.keys
  const packed = feed.pack()
  feed.write({ ...packed.content })
  const folder = temporaryFolder()
  const source = join(folder, 'source')
  mkdirSync(source)
  putBlobs(source, packed)
  const giver = await runningNode({ path: source })
  await importLines(giver.peer, feed.lines)
  await giver.peer.call('ebt.request', [id, true])

  const path = join(folder, 'taker')
  const killed = await startNodeProgram(path)
  const before = await clientOf(killed)
  await before.call('ebt.request', id, true)
  await before.call('conn.connect', giver.node.address)
  while ((await before.status()).messages === 0);
  await killed.kill('SIGKILL')

  const again = await startNodeProgram(path)
  const after = await clientOf(again)
  await after.call('ebt.request', id, true)
  await after.call('conn.connect', giver.node.address)
  const held = await feedUpTo(after.peer, id, feed.messages.length)
  expect(held.map(({ value }) => JSON.stringify(value))).toEqual(
    feed.messages.map(({ compact }) => Buffer.from(compact).toString()),
  )
  for (;;) {
    const line = (await after.call('feeds.status', id)) as { uncheckedFrom?: number }
    if (line.uncheckedFrom === undefined) break
  }
  expect(await after.call('feeds.status', id)).toMatchObject({ sequence: 5_001, state: 'ok' })
})
