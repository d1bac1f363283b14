import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectUnix } from '@dunbar/wire'
import { expect, test } from 'vitest'
import { feedFolder, flipBit, frameOffsets, logPath } from '../fixtures/feed-files.js'
import { dunbar, dunbarJson, dunbarPrints, startNodeProgram } from '../fixtures/program.js'
import { generated } from '../fixtures/running-node.js'
import { temporaryFolder } from '../fixtures/temporary-folder.js'

const { lines, all } = generated(6, 200)
const id = all[0]!.value.author

async function imported(): Promise<string> {
  const folder = temporaryFolder()
  const file = join(folder, 'messages.jsonl')
  writeFileSync(file, `${lines.join('\n')}\n`)
  const path = join(folder, 'node')
  await dunbarJson(['import', file, '--path', path])
  return path
}

test('verify exits with 1 and names feed and sequence of a message with a flipped bit', async () => {
  const path = await imported()
  expect(frameOffsets(path, id).length).toBeGreaterThan(5)
  flipBit(path, id, 3)
  const { exitCode, stdout } = await dunbar(['verify', '--json', '--path', path])
  const result = JSON.parse(stdout)
  expect({ exitCode, result }).toMatchObject({
    exitCode: 1,
    result: { feeds: 6, damaged: [{ feed: id, sequence: 3, reason: expect.any(String) }] },
  })
  const shown = await dunbar(['verify', '--path', path])
  expect(shown.exitCode).toBe(1)
  expect(shown.stdout).toContain(id)
})

test('rebuild after derived/ was deleted gives the same answers as before', async () => {
  const path = await imported()
  const { root } = all.find(({ value }) => typeof value.content.root === 'string')!.value.content
  const answers = async () => [
    await dunbarPrints(['export', '--path', path]),
    await dunbarPrints(['tangle', root, '--path', path]),
    await dunbarPrints(['links', '--source', id, '--path', path]),
  ]
  const before = await answers()
  rmSync(join(path, 'derived'), { recursive: true })
  expect(await dunbarJson(['rebuild', '--path', path])).toEqual([
    { feeds: 6, messages: 200, failed: [], seconds: expect.any(Number) },
  ])
  expect(await answers()).toEqual(before)
})

test('verify names a feed whose log went away before the start, until it is back or all is rebuilt', async () => {
  const path = await imported()
  const verified = async () => {
    const { exitCode, stdout } = await dunbar(['verify', '--json', '--path', path])
    const { feeds, damaged } = JSON.parse(stdout)
    return { exitCode, feeds, damaged }
  }
  const log = readFileSync(logPath(path, id))
  const isMissing = {
    exitCode: 1,
    feeds: 5,
    damaged: [{ feed: id, sequence: 0, reason: 'LOG_MISSING' }],
  }
  const isWhole = { exitCode: 0, feeds: 6, damaged: [] }
  rmSync(feedFolder(path, id), { recursive: true })
  expect(await verified()).toEqual(isMissing)
  expect(await verified()).toEqual(isMissing)
  mkdirSync(feedFolder(path, id))
  writeFileSync(logPath(path, id), log)
  expect(await verified()).toEqual(isWhole)
  rmSync(logPath(path, id))
  expect(await verified()).toEqual({ ...isMissing, feeds: 6 })
  const { exitCode, stdout } = await dunbar(['rebuild', '--json', '--path', path])
  expect(exitCode).toBe(1)
  expect(JSON.parse(stdout).failed).toEqual([{ feed: id, reason: 'LOG_MISSING' }])
  expect(await verified()).toEqual(isWhole)
})

test('rebuild exits with 1 and names a feed whose log is gone; the others answer as before', async () => {
  const path = await imported()
  rmSync(feedFolder(path, id), { recursive: true })
  const lost = all.filter(({ value }) => value.author === id).length
  const node = await startNodeProgram(path)
  const peer = await connectUnix({ path: node.ready.socket })
  // It is gone while the node runs.
  const other = all.find(({ value }) => value.author !== id)!.value.author
  const lostToo = all.filter(({ value }) => value.author === other).length
  rmSync(feedFolder(path, other), { recursive: true })
  const { exitCode, stdout } = await dunbar(['rebuild', '--json', '--path', path])
  expect({ exitCode, result: JSON.parse(stdout) }).toEqual({
    exitCode: 1,
    result: {
      feeds: 4,
      messages: 200 - lost - lostToo,
      failed: [id, other].sort().map((feed) => ({ feed, reason: 'LOG_MISSING' })),
      seconds: expect.any(Number),
    },
  })
  expect(await peer.call('status', [])).toMatchObject({ messages: 200 - lost - lostToo, feeds: 4 })
  await peer.close()
  await node.kill('SIGTERM')
})
