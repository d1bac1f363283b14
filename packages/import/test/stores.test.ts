import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openSource } from '../src/index.js'
import { db2Log, flumeLog, line, readAll, temporaryFolder } from './stores.js'

const folder = temporaryFolder()
const records = Array.from({ length: 9000 }, (_, i) => line(`feed ${i % 7}`, Math.floor(i / 7) + 1))

async function source(name: string, content: Buffer) {
  const path = join(folder, name)
  writeFileSync(path, content)
  return openSource(path)
}

describe.each([
  ['ssb-db', flumeLog],
  ['ssb-db2', db2Log],
] as const)('a log of %s', (kind, write) => {
  it('is recognised and gives its messages in order, with author and arrival', async () => {
    const opened = await source(`${kind} whole`, write(records))
    expect(opened.kind).toBe(kind)
    const all = await readAll(opened)
    expect(all.rejected).toEqual([])
    expect(all.records.map(({ value, received }) => ({ value, received }))).toEqual(
      records.map(({ value, timestamp }) => ({ value, received: timestamp })),
    )
    expect(all.records[0]!.author).toBe(records[0]!.value.author.slice(1, 45))
  })

  it('can be gone on with from the position of any batch, also when more was appended', async () => {
    const opened = await source(`${kind} resumed`, write(records))
    const all = await readAll(opened)
    expect(all.positions.length).toBeGreaterThan(3)
    for (const position of all.positions) {
      const rest = await readAll(opened, position)
      expect(rest.records).toEqual(all.records.filter(({ offset }) => offset >= position))
    }
    const longer = await source(`${kind} resumed`, write([...records, line('new', 1)]))
    const appended = await readAll(longer, all.positions.at(-1))
    expect(appended.records.map(({ value }) => value)).toEqual([line('new', 1).value])
  })

  it('counts deleted records and skips them', async () => {
    const [one, two] = [line('alice', 1), line('alice', 3)]
    const all = await readAll(await source(`${kind} deleted`, write([null, one, null, two])))
    expect(all.records.map(({ value }) => value)).toEqual([one.value, two.value])
    expect(all.deletedCount).toBe(2)
    expect(all.rejected).toEqual([])
  })

  it('gives everything before the cut of a truncated log', async () => {
    const bytes = write(records.slice(0, 500))
    const all = await readAll(await source(`${kind} cut`, bytes.subarray(0, 100_000)))
    expect(all.records.length).toBeGreaterThan(100)
    expect(all.records.map(({ value }) => value)).toEqual(
      records.slice(0, all.records.length).map(({ value }) => value),
    )
    expect(all.rejected.map(({ reason, count }) => [reason, count])).toEqual([['TRUNCATED', 1]])
  })

  it('reads on behind a damaged length', async () => {
    const bytes = write(records)
    const at =
      kind === 'ssb-db2' ? 65_536 : (await readAll(await source('x', bytes))).records[9]!.offset
    bytes.writeUInt16LE(0xffff, at)
    const all = await readAll(await source(`${kind} damaged`, bytes))
    expect(all.rejected.map(({ reason, count }) => [reason, count])).toEqual([['DAMAGED', 1]])
    const missing = records.length - all.records.length
    expect(missing).toBeGreaterThan(0)
    expect(missing).toBeLessThan(300)
    expect(all.records.at(-1)!.value).toEqual(records.at(-1)!.value)
  })

  it('counts messages of other feed formats and what is no message', async () => {
    const foreign = {
      key: 'ssb:message/x',
      value: { author: 'ssb:feed/bendybutt-v1/x' },
      timestamp: 1,
    }
    const none = { key: '%x', value: 'hello', timestamp: 1 }
    const all = await readAll(
      await source(`${kind} foreign`, write([line('alice', 1), foreign, none, line('alice', 2)])),
    )
    expect(all.records).toHaveLength(2)
    expect(all.rejected.map(({ reason, count }) => [reason, count])).toEqual([
      ['UNKNOWN_FORMAT', 1],
      ['NOT_A_MESSAGE', 1],
    ])
  })

  it('gives ciphertext back where the log holds a decrypted message', async () => {
    const signed = line('alice', 1, 'AAAA.box')
    const opened = {
      ...signed,
      value: { ...signed.value, content: { type: 'post' }, cyphertext: 'AAAA.box', private: true },
    }
    const all = await readAll(await source(`${kind} private`, write([opened])))
    expect(all.records.map(({ value }) => value)).toEqual([signed.value])
  })
})

it('gives any bytes behind the name of a store as rejections, never as an exception', async () => {
  for (const name of ['log.offset', 'log.bipf']) {
    for (const byte of [0x00, 0x7b, 0xff]) {
      const all = await readAll(await source(name, Buffer.alloc(200_000, byte)))
      expect(all.records).toEqual([])
    }
  }
})
