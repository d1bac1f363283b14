import { decodeBundle, parseArchiveContent } from '@dunbar/archive'
import { type BlobId, blobIdFromBytes, type FeedId } from '@dunbar/core'
import { FrameReader } from '@dunbar/feed'
import { createSimulation, MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, test, vi } from 'vitest'
import { AppCallbacks } from '../src/app-callbacks.js'
import { checkBlock, type MadeArchive, readBundle } from '../src/index.js'
import type { ArchiveEvent } from '../src/own-archiver.js'
import { ArchivingNode, OFF, ownKeys } from './archiving-node.js'

// Much is written and packed, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const ALL = { keepMessages: 0, partial: true }

async function started(settings = OFF, files: MemoryFileSystem = new MemoryFileSystem()) {
  const simulation = createSimulation({ seed: 'archiver' })
  const node = await ArchivingNode.start(simulation, files, settings)
  const events: ArchiveEvent[] = []
  node.archiver.onEvent((event) => events.push(event))
  return { simulation, node, files, events }
}

/** The value at a sequence of the own feed. */
async function valueAt(node: ArchivingNode, sequence: number) {
  const frame = await node.feed.get(sequence)
  const reader = new FrameReader(frame!)
  reader.next()
  return JSON.parse(Buffer.from(reader.message).toString()) as {
    readonly author: FeedId
    readonly content: Record<string, unknown>
  }
}

/** The blobs that lie in the folder. */
function blobsOf(files: MemoryFileSystem): Set<BlobId> {
  const root = '/data/blobs/sha256'
  if (files.stat(root) === null) return new Set()
  return new Set(
    files
      .list(root)
      .flatMap((folder) => files.list(`${root}/${folder}`).map((name) => folder + name))
      .map((hex) => blobIdFromBytes(Buffer.from(hex, 'hex'))),
  )
}

/** All blobs that a bundle is made of; each is read, so that it is whole. */
function blobsBelow(node: ArchivingNode, bundle: BlobId): BlobId[] {
  const view = readBundle({ bytes: node.blobs.get(bundle)! })
  const ids = [bundle, ...view.dictionaries, ...view.blocks.map(({ blob }) => blob)]
  for (const id of ids) expect(node.blobs.get(id)).not.toBeNull()
  return ids
}

/** Compares the blocks of a bundle with the log. */
async function assertTrue(node: ArchivingNode, made: MadeArchive): Promise<void> {
  const { dictionaries, blocks } = readBundle({ bytes: node.blobs.get(made.bundle)! })
  for (const claim of blocks) {
    const frames: ArrayBuffer[] = []
    for await (const chunk of node.feed.read({ from: claim.first, to: claim.last })) {
      if ('frames' in chunk) frames.push(chunk.frames)
    }
    const job = {
      claim,
      bytes: node.blobs.get(claim.blob)!,
      dictionaries: dictionaries.map((id) => node.blobs.get(id)!),
      frames,
    }
    expect(checkBlock(job)).toBeNull()
  }
}

test('what of the own feed was taken on trust, by another node, is archived when it is checked', async () => {
  const { node, files, simulation } = await started()
  await node.publish(30)
  node.crash()
  const hex = Buffer.from(ownKeys.publicKey).toString('hex')
  const path = `/data/feeds/${hex.slice(0, 2)}/${hex.slice(2)}/feed.json`
  const file = files.open(path, 'createNew')
  const unchecked = { first: 11, last: 30 }
  const record = { version: 1, format: 'classic', quarantine: null, forks: [], unchecked }
  file.write(Buffer.from(JSON.stringify(record)), 0)
  file.close()
  const again = await ArchivingNode.start(simulation, files)
  expect(await simulation.run(again.archiver.archiveNow(ALL))).toMatchObject([
    { first: 1, last: 10 },
  ])
  await simulation.advance(5_000)
  expect(await simulation.run(again.archiver.archiveNow(ALL))).toMatchObject([
    { first: 11, last: 31 },
  ])
})

describe('archiving the own feed', () => {
  test('publishes a message that names a bundle of the messages before it', async () => {
    const { simulation, node, events } = await started()
    await node.publish(20)
    const [made, ...more] = await simulation.run(node.archiver.archiveNow(ALL))
    expect(more).toEqual([])
    expect(made).toMatchObject({ first: 1, last: 20, previous: null })
    const { author, content } = await simulation.run(valueAt(node, 21))
    expect(author).toBe(node.id)
    expect(parseArchiveContent(content)).toEqual(content)
    expect(content).toMatchObject({ bundle: made!.bundle, first: 1, last: 20 })
    expect(node.blobs.size(made!.bundle)).toBe(content.size)
    await simulation.run(assertTrue(node, made!))
    expect(events).toEqual([
      { event: 'started', first: 1, last: 20 },
      { event: 'archived', ...made },
    ])
  })

  test('goes on after the last archived message, builds on the dictionary and names the bundle before', async () => {
    const { simulation, node } = await started()
    await node.publish(20)
    const [first] = await simulation.run(node.archiver.archiveNow(ALL))
    await node.publish(10)
    const [second] = await simulation.run(node.archiver.archiveNow(ALL))
    expect(second).toMatchObject({ first: 21, last: 31, previous: first!.bundle })
    expect(second!.dictionaries[0]).toBe(first!.dictionaries[0])
    expect(decodeBundle(node.blobs.get(second!.bundle)!).blocks).toHaveLength(1)
    await simulation.run(assertTrue(node, second!))
    // Nothing new but the archive message itself, whose shape is known by now.
    const [third] = await simulation.run(node.archiver.archiveNow(ALL))
    expect(third).toMatchObject({ first: 32, last: 32, dictionaries: second!.dictionaries })
  })

  test('takes whole blocks alone, unless it is told otherwise, and keeps the newest messages', async () => {
    const { simulation, node } = await started()
    await node.publish(1100)
    expect(await simulation.run(node.archiver.archiveNow({ keepMessages: 100 }))).toEqual([])
    const [made] = await simulation.run(node.archiver.archiveNow({ keepMessages: 76 }))
    expect(made).toMatchObject({ first: 1, last: 1024, blocks: [{ first: 1, last: 1024 }] })
    expect(made!.blobBytes).toBeLessThan(made!.jsonBytes / 2)
    const [rest] = await simulation.run(
      node.archiver.archiveNow({ keepMessages: 50, partial: true }),
    )
    expect(rest).toMatchObject({ first: 1025, last: 1051 })
  })

  test('begins a new dictionary where the old one is gone', async () => {
    const { simulation, node } = await started()
    await node.publish(20)
    const [first] = await simulation.run(node.archiver.archiveNow(ALL))
    node.blobs.remove(first!.dictionaries[0]!)
    await node.publish(10)
    const [second] = await simulation.run(node.archiver.archiveNow(ALL))
    expect(second).toMatchObject({ first: 21, previous: first!.bundle })
    expect(second!.dictionaries).toHaveLength(1)
    await simulation.run(assertTrue(node, second!))
  })

  test('passes over archive messages of the own feed that do not fit it', async () => {
    const { simulation, node } = await started()
    await node.publish(10)
    const [first] = await simulation.run(node.archiver.archiveNow(ALL))
    const { content } = await simulation.run(valueAt(node, 11))
    for (const lie of [
      { ...content, last: 9 },
      { ...content, first: 1, last: 10_000 },
      { ...content, version: 2 },
      { type: 'archive' },
    ]) {
      await simulation.run(node.feed.publish(JSON.stringify(lie)))
    }
    const [second] = await simulation.run(node.archiver.archiveNow(ALL))
    expect(second).toMatchObject({ first: 11, last: 15, previous: first!.bundle })
  })

  test('is refused while another archive is made, and while the own feed is locked', async () => {
    const { simulation, node, files } = await started()
    await node.publish(10)
    const both = [node.archiver.archiveNow(ALL), node.archiver.archiveNow(ALL)] as const
    const [one, two] = await simulation.run(Promise.allSettled(both))
    expect(one.status).toBe('fulfilled')
    expect(two).toMatchObject({ reason: { code: 'ARCHIVE_BUSY' } })
    node.crash()
    // A folder that lost its newest messages: the mark is ahead of the log.
    const copy = files.fork()
    const hex = Buffer.from(ownKeys.publicKey).toString('hex')
    const log = copy.open(`/data/feeds/${hex.slice(0, 2)}/${hex.slice(2)}/log`, 'readWrite')
    log.truncate(0)
    log.close()
    const locked = await started(OFF, copy)
    await expect(locked.simulation.run(locked.node.archiver.archiveNow(ALL))).rejects.toMatchObject(
      {
        code: 'PUBLISH_LOCKED',
      },
    )
    expect(locked.events).toMatchObject([{ event: 'failed', code: 'PUBLISH_LOCKED' }])
  })

  test('a full disk ends one archive, and the next one has what it needs', async () => {
    const { simulation, node, files, events } = await started()
    await node.publish(10)
    for (let call = 0; ; call++) {
      const before = (await simulation.run(node.feed.status())).sequence
      const hits = files.faultHitCount
      files.failAt(files.callCount + call, 'ENOSPC')
      const made = await simulation.run(
        node.archiver.archiveNow(ALL).catch((error: { code: string }) => error.code),
      )
      files.heal()
      if (files.faultHitCount === hits) break
      if (typeof made === 'string') {
        expect(['BLOB_STORE_FULL', 'STORE_FULL']).toContain(made)
        expect(events.at(-1)).toMatchObject({ event: 'failed', code: made })
        expect((await simulation.run(node.feed.status())).sequence).toBe(before)
      }
    }
    const [last] = await simulation.run(node.archiver.archiveNow(ALL))
    await simulation.run(assertTrue(node, last!))
  })

  test('a kill at any step leaves whole archives and no blob that the next one does not use or take away', async () => {
    const base = new MemoryFileSystem()
    const first = await started(OFF, base)
    await first.node.publish(12)
    await first.simulation.run(first.node.shard.sync())
    first.node.crash()
    let kills = 0
    for (let call = 0; ; call++) {
      const files = base.fork()
      const { simulation, node } = await started(OFF, files)
      const from = files.callCount
      files.failAt(from + call, 'kill')
      const outcome = node.archiver.archiveNow(ALL).catch(() => null)
      await simulation.advance(120_000)
      node.crash()
      void outcome
      let images = 0
      for (const image of files.crashImages(`archive ${call}`, { randomCount: 1 })) {
        images += 1
        if (images > 4) break
        const after = await started(OFF, image)
        // Other messages make other blobs: what was left is of no use.
        await after.node.publish(1)
        const again = await after.simulation.run(after.node.archiver.archiveNow(ALL))
        const { archived } = await after.simulation.run(after.node.archiver.status())
        const { sequence } = await after.simulation.run(after.node.feed.status())
        expect(archived, image.origin).toBe(sequence - 1)
        const named = new Set<BlobId>()
        for (let at = 13; at <= sequence; at++) {
          const { content } = await after.simulation.run(valueAt(after.node, at))
          const said = parseArchiveContent(content)
          if (said === null) continue
          for (const id of blobsBelow(after.node, said.bundle)) named.add(id)
        }
        expect(blobsOf(image), image.origin).toEqual(named)
        expect(image.stat('/data/archive-draft.json'), image.origin).toBeNull()
        expect(again.length, image.origin).toBe(1)
        after.node.crash()
      }
      if (files.faultHitCount === 0) break
      kills += 1
    }
    expect(kills).toBeGreaterThan(20)
  })
})

describe('looking by itself', () => {
  const SOON = { intervalSeconds: 300, minMessages: 1024, keepMessages: 0 }

  test('archives when enough messages have gathered, first after a minute, then every interval', async () => {
    const { simulation, node, events } = await started(SOON)
    node.archiver.start()
    await node.publish(1023)
    await simulation.advance(61_000)
    expect(events).toEqual([])
    await node.publish(1)
    await simulation.advance(290_000)
    expect(events).toEqual([])
    expect((await simulation.run(node.archiver.status())).phase).toBe('idle')
    await simulation.advance(120_000)
    expect(events).toMatchObject([
      { event: 'started' },
      { event: 'archived', first: 1, last: 1024 },
    ])
  })

  test('asks first: waits as it is told, and archives when it may', async () => {
    const { simulation, node, events } = await started()
    await node.publish(1024)
    const asked: number[] = []
    const answers = [30, 5, 0]
    const leave = register(node, () => {
      asked.push(simulation.nowMs)
      return answers.shift()!
    })
    node.archiver.configure({ intervalSeconds: 60 })
    const startMs = simulation.nowMs
    await simulation.advance(96_000)
    expect(asked.map((ms) => Math.round((ms - startMs) / 1000))).toEqual([60, 90, 95])
    expect(events.map(({ event }) => event)).toEqual(['waiting', 'waiting', 'started', 'archived'])
    leave()
  })

  test('a no, a failure and an app that left cancel this archive, not the ones after it', async () => {
    const { simulation, node, events } = await started()
    await node.publish(1024)
    const answers: (number | null)[] = [-1, null]
    const leave = register(node, () => answers.shift() ?? null)
    node.archiver.configure({ intervalSeconds: 60 })
    await simulation.advance(130_000)
    expect(events).toEqual([
      { event: 'cancelled', reason: 'PRECONDITION_CANCELLED' },
      { event: 'cancelled', reason: 'PRECONDITION_FAILED' },
    ])
    leave()
    await simulation.advance(60_000)
    expect(events.at(-1)).toMatchObject({ event: 'archived' })
  })

  test('new settings end a wait', async () => {
    const { simulation, node, events } = await started()
    await node.publish(1024)
    let answer = 86_400
    register(node, () => answer)
    node.archiver.configure({ intervalSeconds: 60 })
    await simulation.advance(70_000)
    expect((await simulation.run(node.archiver.status())).phase).toBe('waiting')
    answer = 0
    node.archiver.configure({ intervalSeconds: 120 })
    expect((await simulation.run(node.archiver.status())).phase).toBe('idle')
    await simulation.advance(61_000)
    expect(events.at(-1)).toMatchObject({ event: 'archived' })
    node.archiver.configure({ intervalSeconds: 0 })
    expect(await simulation.run(node.archiver.status())).toMatchObject({
      phase: 'off',
      nextInSeconds: null,
      archived: 1024,
      preconditions: 1,
    })
  })

  test('refuses settings that make no sense, by name', async () => {
    const { node } = await started()
    for (const [given, name] of [
      [{ intervalSeconds: -1 }, 'intervalSeconds'],
      [{ intervalSeconds: 1e9 }, 'intervalSeconds'],
      [{ minMessages: 1023 }, 'minMessages'],
      [{ keepMessages: 'many' }, 'keepMessages'],
      [[], 'object'],
    ] as const) {
      expect(() => node.archiver.configure(given)).toThrow(name)
    }
  })
})

/** An app that answers each question; null is a failure. */
function register(node: ArchivingNode, answer: () => number | null): () => void {
  const app = new AppCallbacks(node.timers, () => remove())
  const remove = node.archiver.addPrecondition(app, app)
  const answers = async function* () {
    for await (const item of app.output as AsyncIterable<{ ask?: number }>) {
      if (item.ask === undefined) continue
      const value = answer()
      yield value === null ? { ask: item.ask, error: 'it threw' } : { ask: item.ask, answer: value }
    }
  }
  void app.read(answers())
  return () => app.end()
}
