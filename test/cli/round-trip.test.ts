import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { db2Log, flumeLog } from '../fixtures/foreign-stores.js'
import { dunbar, dunbarPrints, jsonLines } from '../fixtures/program.js'
import type { Kvt } from '../fixtures/running-node.js'
import { type AtEnd, temporaryFolder } from '../fixtures/temporary-folder.js'

/** What goes in comes out, byte for byte. */

const MESSAGES = 400
const counts = { read: MESSAGES, added: MESSAGES, known: 0, feeds: 10, rejected: [] }

describe('export of an import is byte for byte what went in', () => {
  let lines: string
  let records: Kvt[]

  beforeAll(async () => {
    const ends: (() => void | Promise<void>)[] = []
    const atEnd: AtEnd = (run) => ends.unshift(run)
    const words = ['generate', '--feeds', '10', '--messages', `${MESSAGES}`, '--seed', 'round']
    lines = await dunbarPrints(words, {}, atEnd)
    records = jsonLines<Kvt>(lines)
    for (const end of ends) await end()
  })

  /** Imports what `write` made in an empty folder, and exports it again. */
  async function roundTrip(write: (folder: string) => string): Promise<string> {
    const folder = temporaryFolder()
    const source = write(folder)
    const path = join(folder, 'node')
    const { exitCode, stdout } = await dunbar(['import', source, '--json', '--path', path])
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject(counts)
    return dunbarPrints(['export', '--path', path])
  }

  const file = (name: string, bytes: string | Buffer) => (folder: string) => {
    const path = join(folder, name)
    writeFileSync(path, bytes)
    return path
  }

  test('JSON lines', async () => {
    expect(await roundTrip(file('messages.jsonl', lines))).toBe(lines)
  })

  test('JSON lines in gzip, whatever the name is', async () => {
    expect(await roundTrip(file('messages', gzipSync(lines)))).toBe(lines)
  })

  test('the flume/log.offset of ssb-db', async () => {
    expect(await roundTrip(file('log.offset', flumeLog(records)))).toBe(lines)
  })

  test('the db2/log.bipf of ssb-db2', async () => {
    expect(await roundTrip(file('log.bipf', db2Log(records)))).toBe(lines)
  })

  test('a ~/.ssb folder, which is only read and whose secret stays where it is', async () => {
    const secret = '# not for dunbar\n'
    let ssb = ''
    const printed = await roundTrip((folder) => {
      ssb = join(folder, '.ssb')
      mkdirSync(join(ssb, 'flume'), { recursive: true })
      writeFileSync(join(ssb, 'flume', 'log.offset'), flumeLog(records))
      writeFileSync(join(ssb, 'secret'), secret)
      return ssb
    })
    expect(printed).toBe(lines)
    expect(readFileSync(join(ssb, 'secret'), 'utf8')).toBe(secret)
    expect(readFileSync(join(ssb, 'flume', 'log.offset')).equals(flumeLog(records))).toBe(true)
  })

  test('bare values and lines with other spacing, as their canonical records', async () => {
    const written = records.map(({ value }, index) =>
      index % 2 === 0
        ? JSON.stringify(value)
        : JSON.stringify({ value }, null, 1).replace(/\n/g, ' '),
    )
    const printed = await roundTrip(file('values.jsonl', `${written.join('\r\n')}\n\n`))
    const exported = jsonLines<Kvt>(printed)
    const byKey = (a: Kvt, b: Kvt) => (a.key < b.key ? -1 : 1)
    expect(exported.map(({ key, value }) => JSON.stringify({ key, value })).sort()).toEqual(
      records
        .slice()
        .sort(byKey)
        .map(({ key, value }) => JSON.stringify({ key, value }))
        .sort(),
    )
  })
})
