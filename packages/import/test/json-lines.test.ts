import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { MAX_RECORD_BYTES, openSource } from '../src/index.js'
import { authorBytes, line, readAll, temporaryFolder } from './stores.js'

const folder = temporaryFolder()

async function source(name: string, content: string | Buffer) {
  const path = join(folder, name)
  writeFileSync(path, content)
  return openSource(path)
}

const lines = (messageCount: number) =>
  Array.from({ length: messageCount }, (_, i) => line(i % 2 ? 'bob' : 'alice', (i >> 1) + 1))
const textOf = (records: readonly object[]) =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('')

it('gives records and bare values in the order of the file, with author and arrival', async () => {
  const [first, second, third] = [
    line('alice', 1),
    line('bob', 1, 'AAAA.box', true),
    line('bob', 2),
  ]
  const opened = await source(
    'mixed',
    `${JSON.stringify(first)}\r\n\n   \n${JSON.stringify(second.value)}\n${JSON.stringify(third)}`,
  )
  expect(opened.kind).toBe('json-lines')
  const all = await readAll(opened)
  expect(all.records.map(({ value }) => value)).toEqual([first.value, second.value, third.value])
  expect(all.records.map(({ received }) => received)).toEqual([
    first.timestamp,
    Number.NaN,
    third.timestamp,
  ])
  expect(all.records.map(({ author }) => author)).toEqual(
    ['alice', 'bob', 'bob'].map((name) => authorBytes(name).toString('base64')),
  )
  expect(all.rejected).toEqual([])
  expect(all.progressBytes).toBe(opened.totalBytes)
})

it('names the line of the first of each kind that is no message', async () => {
  const bad = [
    JSON.stringify(line('alice', 1)),
    'no json',
    '{"key":"%x","value":7}',
    'no json either',
    JSON.stringify({ value: { author: 'ssb:feed/bendybutt-v1/x' } }),
    JSON.stringify(line('alice', 2)),
  ]
  const all = await readAll(await source('bad', `${bad.join('\n')}\n`))
  expect(all.records).toHaveLength(2)
  expect(all.rejected).toEqual([
    { reason: 'NOT_JSON', count: 2, example: 'line 2' },
    { reason: 'NOT_A_MESSAGE', count: 1, example: 'line 3' },
    { reason: 'UNKNOWN_FORMAT', count: 1, example: 'line 5' },
  ])
})

it('reads lines that cross its buffers, and goes on from the position of any batch', async () => {
  const records = lines(9000)
  const text = textOf(records)
  const opened = await source('long', text)
  const all = await readAll(opened)
  expect(all.records.map(({ value }) => value)).toEqual(records.map(({ value }) => value))
  expect(all.positions.length).toBeGreaterThan(3)
  expect(all.positions.at(-1)).toBe(text.length)
  for (const position of all.positions) {
    const rest = await readAll(opened, position)
    expect(rest.records).toEqual(all.records.filter(({ offset }) => offset >= position))
    expect(rest.rejected).toEqual([])
  }
})

it('reads a gzip file of several members, and goes on from any position in it', async () => {
  const records = lines(5000)
  const packed = [records.slice(0, 2000), records.slice(2000)].map((part) => gzipSync(textOf(part)))
  const opened = await source('packed.gz', Buffer.concat(packed))
  expect(opened.kind).toBe('json-lines-gzip')
  const all = await readAll(opened)
  expect(all.records.map(({ value }) => value)).toEqual(records.map(({ value }) => value))
  expect(all.progressBytes).toBe(opened.totalBytes)
  const [position] = all.positions
  const rest = await readAll(opened, position)
  expect(rest.records).toEqual(all.records.filter(({ offset }) => offset >= position!))
})

it('counts everything before the cut of a gzip file', async () => {
  const records = lines(3000)
  const packed = gzipSync(textOf(records))
  const all = await readAll(await source('cut.gz', packed.subarray(0, packed.length / 2)))
  expect(all.records.length).toBeGreaterThan(1000)
  expect(all.records.map(({ value }) => value)).toEqual(
    records.slice(0, all.records.length).map(({ value }) => value),
  )
  expect(all.rejected).toEqual([
    { reason: 'TRUNCATED', count: 1, example: `line ${all.records.length + 1}` },
  ])
})

it('reports a damaged gzip file, and one of only two bytes', async () => {
  const packed = gzipSync(textOf(lines(3000)))
  packed.fill(0xff, packed.length - 4000, packed.length - 3000)
  const damaged = await readAll(await source('damaged.gz', packed))
  expect(damaged.rejected.map(({ reason }) => reason)).toEqual(['DAMAGED'])
  expect(damaged.records.length).toBeGreaterThan(0)
  const short = await readAll(await source('short.gz', packed.subarray(0, 2)))
  expect(short.rejected.map(({ reason }) => reason)).toEqual(['TRUNCATED'])
})

it('tells a last line that was cut off from one that only lacks its newline', async () => {
  const text = textOf(lines(2))
  const whole = await readAll(await source('whole', text.slice(0, -1)))
  expect([whole.records.length, whole.rejected]).toEqual([2, []])
  const cut = await readAll(await source('cut', text.slice(0, -20)))
  expect(cut.records).toHaveLength(1)
  expect(cut.rejected).toEqual([{ reason: 'TRUNCATED', count: 1, example: 'line 2' }])
  // The position stays before it, so a file that is still being written can be gone on with.
  expect(cut.positions.at(-1)).toBe(text.indexOf('\n') + 1)
})

it('refuses a line of more than a MiB without holding it, and reads on behind it', async () => {
  const long = `{"key":"${'x'.repeat(3 * MAX_RECORD_BYTES)}"}`
  const justTooLong = `"${'x'.repeat(MAX_RECORD_BYTES)}"`
  const text = `${long}\n${textOf([line('alice', 1)])}${justTooLong}\n${textOf([line('alice', 2)])}${long}`
  const all = await readAll(await source('too-long', text))
  expect(all.records.map(({ value }) => value)).toEqual([
    line('alice', 1).value,
    line('alice', 2).value,
  ])
  expect(all.rejected.map(({ reason, count }) => `${reason} ${count}`).sort()).toEqual([
    'LINE_TOO_LONG 1',
    'LINE_TOO_LONG 1',
    'LINE_TOO_LONG 1',
  ])
  expect(all.rejected.map(({ example }) => example)).toEqual(['line 1', 'line 3', 'line 5'])
})

it('skips a byte order mark', async () => {
  const all = await readAll(await source('bom', `\ufeff${textOf(lines(2))}`))
  expect([all.records.length, all.rejected]).toEqual([2, []])
})

it('closes the file when its reader leaves early', async () => {
  const opened = await source('early', textOf(lines(9000)))
  for await (const batch of opened.records()) {
    expect(batch.records.length).toBeGreaterThan(0)
    break
  }
  const all = await readAll(opened)
  expect(all.records).toHaveLength(9000)
})
