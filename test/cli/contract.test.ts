import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  dunbar,
  dunbarJson,
  dunbarPrints,
  jsonLines,
  startNodeProgram,
} from '../fixtures/program.js'
import type { Kvt } from '../fixtures/running-node.js'
import { type AtEnd, temporaryFolder } from '../fixtures/temporary-folder.js'

/** What each command prints with `--json`, and that a running node makes no difference to it. */

const FEEDS = 8
const MESSAGES = 300

interface FeedLine {
  id: string
  sequence: number
  messages: number
  bytes: number
  state: string
  forked: boolean
}

describe('a folder with imported messages', () => {
  let path: string
  let all: Kvt[]
  let lines: string
  let imported: unknown
  let root: string

  beforeAll(async () => {
    const ends: (() => void | Promise<void>)[] = []
    const atEnd: AtEnd = (run) => ends.unshift(run)
    const folder = temporaryFolder(atEnd)
    path = join(folder, 'node')
    const words = ['generate', '--feeds', `${FEEDS}`, '--messages', `${MESSAGES}`, '--seed', 'a']
    lines = await dunbarPrints(words, {}, atEnd)
    all = jsonLines<Kvt>(lines)
    const counts = new Map<string, number>()
    for (const { value } of all) {
      const { root } = value.content
      if (typeof root === 'string') counts.set(root, (counts.get(root) ?? 0) + 1)
    }
    root = [...counts].reduce((most, each) => (each[1] > most[1] ? each : most))[0]
    const file = join(folder, 'messages.jsonl')
    writeFileSync(file, lines)
    ;[imported] = await dunbarJson(['import', file, '--path', path], {}, atEnd)
    return async () => {
      for (const end of ends) await end()
    }
  })

  test('import says how many were read, added and known, of how many feeds, and what was rejected', () => {
    expect(imported).toEqual({
      read: MESSAGES,
      added: MESSAGES,
      known: 0,
      feeds: FEEDS,
      rejected: [],
      seconds: expect.any(Number),
    })
  })

  test('generate prints {key, value, timestamp} with signed values, the same for the same seed', async () => {
    expect(all).toHaveLength(MESSAGES)
    for (const message of all) expect(Object.keys(message)).toEqual(['key', 'value', 'timestamp'])
    const words = ['generate', '--feeds', `${FEEDS}`, '--messages', `${MESSAGES}`, '--seed']
    expect(await dunbarPrints([...words, 'a', '--json'])).toBe(lines)
    expect(await dunbarPrints([...words, 'b'])).not.toBe(lines)
  })

  test('feeds prints a line a feed', async () => {
    const printed = await dunbarJson<FeedLine>(['feeds', '--path', path])
    const authors = [...new Set(all.map(({ value }) => value.author))].sort()
    expect(printed).toEqual(
      authors.map((id) => {
        const count = all.filter(({ value }) => value.author === id).length
        return {
          id,
          sequence: count,
          messages: count,
          bytes: expect.any(Number),
          state: 'ok',
          forked: false,
        }
      }),
    )
    for (const { bytes } of printed) expect(bytes).toBeGreaterThan(100)
  })

  test('get prints the message, and tangle its thread in causal order', async () => {
    const wanted = all[17]!
    expect(await dunbarJson(['get', wanted.key, '--path', path])).toEqual([wanted])
    const thread = await dunbarJson<Kvt>(['tangle', root, '--path', path])
    const members = all.filter(({ key, value }) => key === root || value.content.root === root)
    expect(thread.map(({ key }) => key).sort()).toEqual(members.map(({ key }) => key).sort())
    const place = new Map(thread.map(({ key }, index) => [key, index]))
    expect(place.get(root)).toBe(0)
    for (const [index, { value }] of thread.entries()) {
      for (const key of [value.content.branch ?? []].flat()) {
        expect(place.get(key) ?? -1).toBeLessThan(index)
      }
    }
  })

  test('verify and rebuild print their counts, and status what the node is', async () => {
    expect(await dunbarJson(['verify', '--path', path])).toEqual([
      { messages: MESSAGES, feeds: FEEDS, damaged: [], seconds: expect.any(Number) },
    ])
    expect(await dunbarJson(['rebuild', '--path', path])).toEqual([
      { feeds: FEEDS, messages: MESSAGES, failed: [], seconds: expect.any(Number) },
    ])
    const [status] = await dunbarJson(['status', '--path', path])
    expect(status).toMatchObject({
      id: expect.stringMatching(/^@.{44}\.ed25519$/),
      feeds: FEEDS,
      messages: MESSAGES,
      quarantined: [],
      damaged: [],
      shards: expect.arrayContaining([expect.objectContaining({ shard: 0 })]),
    })
  })

  test('a method prints as ssb-server does: pretty JSON, an empty line behind each item', async () => {
    const id = jsonLines<{ id: string }>(await dunbarPrints(['whoami', '--json', '--path', path]))
    expect(await dunbarPrints(['whoami', '--path', path])).toBe(
      `${JSON.stringify(id[0], null, 2)}\n`,
    )
    const printed = await dunbarPrints(
      ['createLogStream', '--limit', '2', '--reverse', '--path', path],
      {},
    )
    const [last, before] = [all.at(-1), all.at(-2)]
    expect(printed).toBe(
      [last, before].map((item) => `${JSON.stringify(item, null, 2)}\n\n`).join(''),
    )
    const fromInput = await dunbarPrints(['messagesByType', '.', '--json', '--path', path], {
      input: JSON.stringify({ type: 'post', limit: 1 }),
    })
    expect(jsonLines(fromInput)).toEqual([all.find(({ value }) => value.content.type === 'post')])
  })

  test('every command prints the same with a running node and without one', async () => {
    const author = all[0]!.value.author
    const commands = [
      ['feeds'],
      ['tangle', root],
      ['export', '--feed', author],
      ['createUserStream', '--id', author, '--gt', '2', '--limit', '2'],
      ['status', '--running'],
      ['no.such', 'method'],
      ['get', `%${'A'.repeat(43)}=.sha256`],
    ]
    const run = async () => {
      const printed: unknown[] = []
      for (const words of commands) {
        const { exitCode, stdout, stderr } = await dunbar([...words, '--path', path])
        printed.push(words[0] === 'status' ? exitCode : { words, exitCode, stdout, stderr })
      }
      return printed
    }
    const without = await run()
    expect(existsSync(join(path, 'lock'))).toBe(false)
    const node = await startNodeProgram(path)
    const beside = await run()
    expect(await node.kill('SIGTERM')).toEqual({ exitCode: 0, signal: null })
    expect(without[commands.findIndex(([name]) => name === 'status')]).toBe(1)
    expect(beside[commands.findIndex(([name]) => name === 'status')]).toBe(0)
    const others = (printed: unknown[]) => printed.filter((each) => typeof each !== 'number')
    expect(others(beside)).toEqual(others(without))
    const ofAuthor = all.filter(({ value }) => value.author === author)
    expect(others(without)[2]).toMatchObject({
      stdout: ofAuthor.map((record) => `${JSON.stringify(record)}\n`).join(''),
    })
  })
})
