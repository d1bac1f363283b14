import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { dunbar, dunbarPrints, dunbarRefuses, jsonLines } from '../fixtures/program.js'
import type { Kvt } from '../fixtures/running-node.js'
import { type AtEnd, temporaryFolder } from '../fixtures/temporary-folder.js'

/** Messages go into blocks and come back, without a node. */

const MESSAGES = 1300

interface PackResult {
  readonly messages: number
  readonly feeds: number
  readonly blocks: number
  readonly sizeBytes: number
  readonly jsonBytes: number
  readonly parts: Readonly<Record<string, number>>
  readonly dictionaryBytes: number
  readonly bundleBytes: number
  readonly leftOut: readonly { reason: string; count: number; example: string }[]
}

describe('packing', () => {
  let lines: string
  let records: Kvt[]
  beforeAll(async () => {
    const ends: (() => void | Promise<void>)[] = []
    const atEnd: AtEnd = (run) => ends.unshift(run)
    const words = ['generate', '--feeds', '3', '--messages', `${MESSAGES}`, '--seed', 'pack']
    lines = await dunbarPrints(words, {}, atEnd)
    records = jsonLines<Kvt>(lines)
    for (const end of ends) await end()
  })

  const inFolder = (name: string, bytes: string | Buffer) => {
    const folder = temporaryFolder()
    const source = join(folder, name)
    writeFileSync(source, bytes)
    return { source, packed: join(folder, 'packed') }
  }

  const values = (feed: string, all: readonly Pick<Kvt, 'key' | 'value'>[]) =>
    all
      .filter(({ value }) => value.author === feed)
      .map(({ key, value }) => JSON.stringify({ key, value }))

  async function pack(source: string, packed: string, exitCode = 0): Promise<PackResult> {
    const ended = await dunbar(['pack', source, packed, '--json'])
    expect({ exitCode: ended.exitCode, stderr: ended.stderr }).toEqual({ exitCode, stderr: '' })
    return JSON.parse(ended.stdout)
  }

  test('gives back every message of every feed, byte for byte, from half of the bytes', async () => {
    const { source, packed } = inFolder('messages.jsonl.gz', gzipSync(lines))
    const result = await pack(source, packed)
    expect(result).toMatchObject({ messages: MESSAGES, feeds: 3, leftOut: [] })
    expect(result.sizeBytes).toBeLessThan(result.jsonBytes / 2)
    const unpacked = (await dunbarPrints(['unpack', packed])).split('\n').slice(0, -1)
    expect(unpacked).toHaveLength(MESSAGES)
    const back = jsonLines<Kvt>(unpacked.join('\n'))
    for (const feed of new Set(records.map(({ value }) => value.author))) {
      expect(values(feed, back)).toEqual(values(feed, records))
    }
    expect(unpacked).toEqual(back.map((record) => JSON.stringify(record)))
  })

  test('accounts for every byte that it wrote', async () => {
    const { source, packed } = inFolder('messages.jsonl', lines)
    const result = await pack(source, packed)
    const parts = Object.values(result.parts).reduce((sum, size) => sum + size, 0)
    expect(result.sizeBytes).toBe(parts + result.dictionaryBytes + result.bundleBytes)
    const files = readdirSync(join(packed, 'sha256'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name)).length)
    expect(files.reduce((sum, size) => sum + size, 0)).toBe(result.sizeBytes)
    expect(files).toHaveLength(result.blocks + 2)
  })

  test('gives the same bytes for the same messages', async () => {
    const names = async () => {
      const { source, packed } = inFolder('messages.jsonl', lines)
      await pack(source, packed)
      return readFileSync(join(packed, 'bundle.json'), 'utf8')
    }
    expect(await names()).toBe(await names())
  })

  test('says which lines are left out, and ends with exit code 1', async () => {
    const [first, second, third] = records.filter(
      ({ value }) => value.author === records[0]!.value.author,
    )
    const text = [first, 'no message', second, second, { ...first, value: 1 }, third]
      .map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
      .join('\n')
    const { source, packed } = inFolder('messages.jsonl', text)
    const result = await pack(source, packed, 1)
    expect(result.messages).toBe(3)
    expect(result.leftOut.map(({ reason, count }) => [reason, count])).toEqual(
      expect.arrayContaining([
        ['NOT_JSON', 1],
        ['KNOWN', 1],
        ['NOT_A_MESSAGE', 1],
      ]),
    )
  })

  test('takes a feed from its middle on, and leaves out what lies behind a gap', async () => {
    const feed = records.filter(({ value }) => value.author === records[0]!.value.author)
    const kept = [...feed.slice(5, 10), feed[11]]
    const { source, packed } = inFolder(
      'messages.jsonl',
      kept.map((line) => JSON.stringify(line)).join('\n'),
    )
    const result = await pack(source, packed, 1)
    expect(result.leftOut).toMatchObject([{ reason: 'GAP', count: 1 }])
    const back = jsonLines<Kvt>(await dunbarPrints(['unpack', packed]))
    expect(back.map(({ key }) => key)).toEqual(feed.slice(5, 10).map(({ key }) => key))
  })

  test('refuses folders and files that it cannot use', async () => {
    const { source, packed } = inFolder('messages.jsonl', lines)
    await pack(source, packed)
    expect(await dunbarRefuses(['pack', source, packed])).toBe(
      `${packed} is not empty: pack into a new folder`,
    )
    expect(await dunbarRefuses(['pack', `${source}.not`, packed])).toBe(
      `there is no file ${source}.not`,
    )
    expect(await dunbarRefuses(['unpack', `${packed}.not`])).toMatch(/holds no bundle\.json/)
  })

  test('never gives a message out of a damaged block', async () => {
    const { source, packed } = inFolder('messages.jsonl', lines)
    await pack(source, packed)
    const blobs = readdirSync(join(packed, 'sha256'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
    for (const blob of blobs) {
      const bytes = readFileSync(blob)
      const flipped = Buffer.from(bytes)
      flipped[bytes.length >> 1]! ^= 1
      writeFileSync(blob, flipped)
      const { exitCode, stderr } = await dunbar(['unpack', packed])
      expect({ exitCode, stderr }).toEqual({
        exitCode: 1,
        stderr: expect.stringMatching(/^dunbar: the file of &.+ holds something else\n$/),
      })
      writeFileSync(blob, bytes)
    }
    rmSync(blobs[0]!)
    expect((await dunbar(['unpack', packed])).exitCode).toBe(1)
  })
})
