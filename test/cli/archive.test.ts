import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { feedFolder, logPath } from '../fixtures/feed-files.js'
import {
  dunbar,
  dunbarJson,
  dunbarPrints,
  dunbarRefuses,
  startNodeProgram,
} from '../fixtures/program.js'
import { generated } from '../fixtures/running-node.js'
import { temporaryFolder } from '../fixtures/temporary-folder.js'

const { lines, all } = generated(4, 800)
const authors = [...new Set(all.map(({ value }) => value.author))].sort()
const id = authors[0]!

interface Relaid {
  feeds: number
  messages: number
  bytesBefore: number
  bytesAfter: number
  failed: unknown[]
  seconds: number
}

interface FeedLine {
  id: string
  bytes: number
  messages: number
  sealed?: { messages: number; bytes: number; logBytes: number }
}

async function imported(): Promise<string> {
  const folder = temporaryFolder()
  const file = join(folder, 'messages.jsonl')
  writeFileSync(file, `${lines.join('\n')}\n`)
  const path = join(folder, 'node')
  await dunbarJson(['import', file, '--path', path])
  return path
}

/** What does not change, whatever lies in blocks. */
const answers = async (path: string) => [
  await dunbarPrints(['export', '--path', path]),
  await dunbarPrints(['export', '--feed', id, '--path', path]),
  await dunbarPrints(['get', all.find(({ value }) => value.author === id)!.key, '--path', path]),
]

const feedsOf = (path: string) => dunbarJson<FeedLine>(['feeds', '--path', path])

test('archive --all makes the store smaller and changes no answer; unarchive --all gives the very logs back', async () => {
  const path = await imported()
  const before = await answers(path)
  const logs = authors.map((author) => readFileSync(logPath(path, author)))
  const [packed] = await dunbarJson<Relaid>(['archive', '--all', '--path', path])
  const bytesBefore = logs.reduce((sum, { length }) => sum + length, 0)
  expect(packed).toEqual({
    feeds: 4,
    messages: 800 - 4 * 16,
    bytesBefore,
    bytesAfter: expect.any(Number),
    failed: [],
    seconds: expect.any(Number),
  })
  expect(packed!.bytesAfter).toBeLessThan(bytesBefore * 0.55)
  expect(await answers(path)).toEqual(before)
  expect(await dunbarJson(['verify', '--path', path])).toMatchObject([
    { messages: 800, feeds: 4, damaged: [] },
  ])
  for (const { bytes, messages, sealed } of await feedsOf(path)) {
    expect(sealed).toMatchObject({ messages: messages - 16 })
    expect(bytes).toBeLessThan(sealed!.logBytes)
  }
  const [status] = await dunbarJson<{ bytes: number }>(['status', '--path', path])
  expect(status).toMatchObject({ bytes: packed!.bytesAfter, sealed: { feeds: 4, messages: 736 } })
  const [unpacked] = await dunbarJson<Relaid>(['unarchive', '--all', '--path', path])
  expect(unpacked).toMatchObject({
    feeds: 4,
    messages: 736,
    bytesBefore: packed!.bytesAfter,
    bytesAfter: bytesBefore,
    failed: [],
  })
  expect(authors.map((author) => readFileSync(logPath(path, author)))).toEqual(logs)
})

test('archive --feed packs one feed beside a node that runs, and people are told the sizes', async () => {
  const path = await imported()
  writeFileSync(join(path, 'config.json'), '{"archive":{"keepMessages":50}}')
  const node = await startNodeProgram(path)
  const count = all.filter(({ value }) => value.author === id).length
  const shown = await dunbarPrints(['archive', '--feed', id, '--path', path])
  expect(shown).toMatch(
    new RegExp(
      `^${count - 50} messages of 1 feeds packed: [0-9.]+ KiB before, [0-9.]+ KiB after, `,
    ),
  )
  const sealed = (await feedsOf(path)).filter((feed) => feed.sealed !== undefined)
  expect(sealed.map((feed) => feed.id)).toEqual([id])
  expect(await dunbarPrints(['feeds', '--path', path])).toMatch(/^feed.* packed +unpacked size/)
  expect(await dunbarPrints(['status', '--path', path])).toMatch(
    new RegExp(`^packed +${count - 50} of 1 feeds; [0-9.]+ KiB unpacked$`, 'm'),
  )
  expect(await dunbarJson(['archive', '--feed', id, '--path', path])).toMatchObject([
    { feeds: 0, messages: 0, failed: [] },
  ])
  expect(await dunbarPrints(['unarchive', '--feed', id, '--path', path])).toMatch(/unpacked/)
  expect(await dunbarPrints(['feeds', '--path', path])).not.toMatch(/packed/)
  await node.kill('SIGTERM')
})

test('a damaged block is told message by message in JSON and as one run to people, and the others are served', async () => {
  const path = await imported()
  await dunbarJson(['archive', '--all', '--path', path])
  const file = join(feedFolder(path, id), 'blocks', '0001.bipf2')
  const bytes = readFileSync(file)
  bytes[500]! ^= 1
  writeFileSync(file, bytes)
  const { exitCode, stdout } = await dunbar(['verify', '--json', '--path', path])
  const result = JSON.parse(stdout)
  const count = all.filter(({ value }) => value.author === id).length
  expect(exitCode).toBe(1)
  expect(result.damaged).toHaveLength(count - 16)
  expect(result.damaged[0]).toEqual({ feed: id, sequence: 1, reason: 'BLOCK_DAMAGED' })
  const shown = await dunbar(['verify', '--path', path])
  expect(shown.stdout.split('\n').filter((line) => line.includes('BLOCK_DAMAGED'))).toEqual([
    expect.stringMatching(
      new RegExp(`^${id.replace(/[+.]/g, '\\$&')} +1–${count - 16} +${count - 16} +BLOCK_DAMAGED$`),
    ),
  ])
  const exported = await dunbar(['export', '--path', path])
  const served = exported.stdout.trimEnd().split('\n')
  expect(exported.stderr).toContain(`${id} is damaged; messages that can't be read are left out`)
  const other = await dunbar(['export', '--feed', authors[1]!, '--path', path])
  expect([exported.exitCode, other.exitCode, other.stderr]).toEqual([0, 0, ''])
  expect(served).toHaveLength(800 - (count - 16))
  const unpacked = await dunbar(['unarchive', '--all', '--json', '--path', path])
  expect(unpacked.exitCode).toBe(1)
  expect(JSON.parse(unpacked.stdout)).toMatchObject({
    feeds: 3,
    failed: [{ feed: id, reason: 'STORE_BLOCK_DAMAGED' }],
  })
})

test('which feeds is to be said', async () => {
  const path = await imported()
  const wanted = 'give either --feed ID or --all'
  expect(await dunbarRefuses(['archive', '--path', path])).toContain(wanted)
  expect(await dunbarRefuses(['archive', '--all', '--feed', id, '--path', path])).toContain(wanted)
  expect(await dunbarRefuses(['unarchive', '--feed', 'x', '--path', path])).toContain('feed id')
  const stranger = `@${Buffer.alloc(32, 7).toString('base64')}.ed25519`
  for (const word of ['archive', 'unarchive']) {
    expect(await dunbarRefuses([word, '--feed', stranger, '--path', path])).toContain(
      `this node holds no feed ${stranger}`,
    )
  }
})

test('settings that would end with the command are refused where no node runs', async () => {
  const path = await imported()
  const words = ['archive.configure', '--intervalSeconds', '60', '--path', path]
  expect(await dunbarRefuses(words)).toBe(
    `no node runs on ${path}: the settings hold until the node ends; "archiveMessages" in config.json holds longer`,
  )
  const node = await startNodeProgram(path)
  expect(await dunbarJson(words)).toMatchObject([{ intervalSeconds: 60 }])
  await node.kill('SIGTERM')
})
