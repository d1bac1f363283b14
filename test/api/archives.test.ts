import { cpSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArchiveContent } from '@dunbar/archive'
import { type ArchiveEvent, type ArchiveVerification, type Client, connect } from '@dunbar/client'
import { type BlobId, blobIdToBytes, createSecret, type Keys } from '@dunbar/core'
import { FeedClient } from '@dunbar/feed'
import { type ClassicMessage, createClassic } from '@dunbar/formats'
import { generatedKeys } from '@dunbar/testkit'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { feedUpTo, follow } from '../fixtures/peers.js'
import { importLines, type Kvt, runningNode } from '../fixtures/running-node.js'
import { temporaryFolder } from '../fixtures/temporary-folder.js'

vi.setConfig({ testTimeout: 60_000 })

/** `archive.*` of a real node, by the typed client. */

const keys: Keys = generatedKeys('archives of the own feed', 0)
const lines = feedOf(keys, 2_500)

function feedOf(author: Keys, count: number): string[] {
  const made: string[] = []
  let head: Pick<ClassicMessage, 'sequence' | 'key'> | null = null
  for (let at = 0; at < count; at++) {
    const content = { type: 'post', text: `message ${at} of somebody who writes a lot`, at }
    const timestamp = 1_700_000_000_000 + at * 1_000
    const message: ClassicMessage = createClassic({ keys: author, head, timestamp, content })
    head = message
    const { key, value } = message
    made.push(JSON.stringify({ key, value, timestamp }))
  }
  return made
}

async function clientOf(path: string): Promise<Client> {
  const client = await connect({ path })
  onTestFinished(() => client.close())
  return client
}

/** A node whose own feed has 2,500 messages. */
async function archivist() {
  const path = join(temporaryFolder(), 'node')
  mkdirSync(path)
  createSecret(join(path, 'secret'), keys)
  const running = await runningNode({ path })
  await importLines(running.peer, lines)
  await running.peer.call('node.unlock')
  return { ...running, client: await clientOf(path) }
}

/** Collects what a callback is told, and waits for it. */
function told<Item>() {
  const items: Item[] = []
  let ring: () => void = () => {}
  return {
    items,
    tell: (item: Item) => {
      items.push(item)
      ring()
    },
    async until(isDone: (items: readonly Item[]) => boolean): Promise<Item[]> {
      while (!isDone(items)) {
        await new Promise<void>((resolve) => {
          ring = resolve
        })
      }
      return items
    },
  }
}

function blobSize(path: string, id: BlobId): number {
  const hex = Buffer.from(blobIdToBytes(id)).toString('hex')
  return statSync(join(path, 'blobs', 'sha256', hex.slice(0, 2), hex.slice(2))).size
}

describe('archives of the own feed', () => {
  test('are made at once when that is asked for, and lie in the blob folder', async () => {
    const { client, path } = await archivist()
    const events = told<ArchiveEvent>()
    const registration = await client.archive.registerArchiveCallback(events.tell)
    const [made, ...more] = await client.archive.now({ keepMessages: 100 })
    expect(more).toEqual([])
    expect(made).toMatchObject({ first: 1, last: 2048, previous: null })
    expect(made!.blobBytes).toBeLessThan(made!.jsonBytes * 0.45)
    const message = (await client.get(made!.message)) as Kvt['value']
    expect(message.sequence).toBe(2_501)
    expect(parseArchiveContent(message.content)).toEqual(message.content)
    expect(message.content).toMatchObject({ bundle: made!.bundle, first: 1, last: 2048 })
    const [rest] = await client.archive.now({ keepMessages: 0, partial: true })
    expect(rest).toMatchObject({ first: 2049, last: 2501, previous: made!.bundle })
    expect(await client.archive.now()).toEqual([])
    await events.until((items) => items.length === 4)
    expect(events.items.map(({ event }) => event)).toEqual([
      'started',
      'archived',
      'started',
      'archived',
    ])
    await registration.close()
    expect(await client.archive.status()).toMatchObject({ archived: 2501 })
    for (const id of [
      made!.bundle,
      ...made!.dictionaries,
      ...made!.blocks.map(({ blob }) => blob),
    ]) {
      expect(blobSize(path, id)).toBeGreaterThan(0)
    }
  })

  test('are the same whether the messages lie in the log or sealed in blocks', async () => {
    const [plain, sealed] = [await archivist(), await archivist()]
    const { node } = sealed
    const relaid = await new FeedClient(node.kernel.router, node.id).seal()
    expect(relaid.messages).toBeGreaterThan(2_000)
    const [one] = await plain.client.archive.now({ keepMessages: 100 })
    const [two] = await sealed.client.archive.now({ keepMessages: 100 })
    expect({ ...two, message: null }).toEqual({ ...one, message: null })
  })

  test('are made by themselves once the precondition allows it', async () => {
    const { client } = await archivist()
    const events = told<ArchiveEvent>()
    await client.archive.registerArchiveCallback(events.tell)
    const answers = [() => -1, () => 1, () => 0]
    await client.archive.configure({ intervalSeconds: 1, keepMessages: 0 }, () =>
      answers.shift()!(),
    )
    await events.until((items) => items.at(-1)?.event === 'archived')
    expect(events.items).toMatchObject([
      { event: 'cancelled', reason: 'PRECONDITION_CANCELLED' },
      { event: 'waiting', seconds: 1 },
      { event: 'started', first: 1, last: 2500 },
      { event: 'archived', first: 1, last: 2048 },
    ])
    await client.archive.configure({ intervalSeconds: 0 })
    expect(await client.archive.status()).toMatchObject({
      settings: { intervalSeconds: 0 },
      preconditions: 1,
    })
    await client.archive.removePrecondition()
  })

  test('go on being made when a precondition throws and when its app vanishes', async () => {
    const { client, path } = await archivist()
    const events = told<ArchiveEvent>()
    await client.archive.registerArchiveCallback(events.tell)
    const app = await clientOf(path)
    await app.archive.configure({ intervalSeconds: 1 }, () => {
      throw new Error('no idea')
    })
    await events.until((items) => items.length === 1)
    let asked: () => void = () => {}
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve
    })
    await app.archive.configure({}, () => {
      asked()
      return new Promise<number>(() => {})
    })
    await isAsked
    await app.close()
    await events.until((items) => items.at(-1)?.event === 'archived')
    expect(events.items).toMatchObject([
      { event: 'cancelled', reason: 'PRECONDITION_FAILED' },
      { event: 'cancelled', reason: 'PRECONDITION_GONE' },
      { event: 'started' },
      { event: 'archived', last: 1024 },
    ])
  })

  test('are refused with a code while the own feed is locked, and for settings that make no sense', async () => {
    const path = join(temporaryFolder(), 'node')
    mkdirSync(path)
    createSecret(join(path, 'secret'), keys)
    const { peer } = await runningNode({ path })
    await importLines(peer, lines.slice(0, 10))
    const client = await clientOf(path)
    await expect(client.archive.now({ partial: true })).rejects.toMatchObject({
      data: { code: 'PUBLISH_LOCKED' },
    })
    await expect(client.archive.configure({ intervalSeconds: -1 })).rejects.toMatchObject({
      data: { code: 'BAD_ARGUMENT' },
    })
    for (const name of ['archive.now', 'archive.configure']) {
      for (const given of [{ keepMessage: 1 }, 'all', [1]]) {
        await expect(client.call(name, given)).rejects.toMatchObject({
          data: { code: 'BAD_ARGUMENT' },
        })
      }
    }
    await expect(
      client.archive.now({ partial: 'yes' as unknown as boolean }),
    ).rejects.toMatchObject({ data: { code: 'BAD_ARGUMENT' } })
  })
})

describe('archives of other feeds', () => {
  test('are verified as their messages arrive', async () => {
    const author = await archivist()
    const reader = await runningNode()
    await importLines(reader.peer, lines)
    const client = await clientOf(reader.path)
    const results = told<ArchiveVerification>()
    const asked: string[] = []
    const registration = await client.archive.registerVerification(({ feed }) => {
      asked.push(feed)
      return 0
    }, results.tell)
    const send = async (key: string) => {
      const message = await author.client.get(key, { meta: true })
      await client.add(message)
    }
    const [first] = await author.client.archive.now({ keepMessages: 1000 })
    await send(first!.message)
    await results.until((items) => items.length === 1)
    cpSync(join(author.path, 'blobs'), join(reader.path, 'blobs'), { recursive: true })
    const [second] = await author.client.archive.now({ keepMessages: 0 })
    cpSync(join(author.path, 'blobs'), join(reader.path, 'blobs'), { recursive: true })
    await send(second!.message)
    await results.until((items) => items.length === 2)
    expect(results.items).toEqual([
      {
        feed: keys.id,
        message: first!.message,
        bundle: first!.bundle,
        first: 1,
        last: 1024,
        result: 'chain',
        reason: 'ARCHIVE_BLOB_MISSING',
      },
      {
        feed: keys.id,
        message: second!.message,
        bundle: second!.bundle,
        first: 1025,
        last: 2048,
        result: 'vouched',
      },
    ])
    expect(asked).toEqual([keys.id, keys.id])
    expect(await client.archive.status()).toMatchObject({ verifications: 1 })
    await registration.close()
    expect(await client.archive.status()).toMatchObject({ verifications: 0 })
  })

  test('are verified with blobs that a connected peer gives', async () => {
    const author = await archivist()
    const reader = await runningNode()
    await follow(reader.peer, keys.id)
    await reader.peer.call('conn.connect', [author.node.address])
    await feedUpTo(reader.peer, keys.id, lines.length)
    const client = await clientOf(reader.path)
    const results = told<ArchiveVerification>()
    await client.archive.registerVerification(() => 0, results.tell)
    const [made] = await author.client.archive.now({ keepMessages: 0 })
    const [result] = await results.until((items) => items.length === 1)
    expect(result).toMatchObject({ feed: keys.id, message: made!.message, result: 'vouched' })
  })

  test('are told to four callbacks of a connection and no more', async () => {
    const { path } = await runningNode()
    const client = await clientOf(path)
    const register = () =>
      client.archive.registerVerification(
        () => 0,
        () => undefined,
      )
    const four = await Promise.all([register(), register(), register(), register()])
    await expect(register()).rejects.toMatchObject({ data: { code: 'TOO_MANY_CALLBACKS' } })
    await four[0]!.close()
    await register()
  })
})
