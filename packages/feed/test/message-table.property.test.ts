import { MemoryFileSystem } from '@dunbar/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NONE } from '../src/columns.js'
import { MessageTable } from '../src/message-table.js'
import { SnapshotReader, SnapshotWriter, writeSnapshot } from '../src/snapshot.js'
import { idBytesOf } from './store-fixture.js'

const seed = { high: 1, low: 2 }

/** What a table is compared with: rows in an array. */
interface Row {
  readonly key: Uint8Array
  readonly feed: number
  readonly type: string
  isLive: boolean
}

/** Few different beginnings, so that keys share their first eight bytes. */
const key = fc
  .tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 40 }))
  .map(([beginning, rest]) => {
    const bytes = new Uint8Array(32)
    bytes[7] = beginning
    bytes[31] = rest
    return bytes
  })
const command = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      kind: fc.constant('add' as const),
      key,
      feed: fc.nat(5),
      type: fc.constantFrom('post', 'vote', '', 'about'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), feed: fc.nat(5) }) },
)

type Command = typeof command extends fc.Arbitrary<infer Value> ? Value : never

function build(commands: readonly Command[]) {
  const table = new MessageTable(seed)
  const model: Row[] = []
  const last = new Map<number, number>()
  for (const step of commands) {
    if (step.kind === 'drop') {
      for (const [row, each] of model.entries()) {
        if (each.feed === step.feed && each.isLive) {
          each.isLive = false
          table.drop(row)
        }
      }
      last.delete(step.feed)
      continue
    }
    const row = table.add({
      keyBytes: step.key,
      feed: step.feed,
      sequence: model.length + 1,
      offset: 0,
      length: 1,
      received: 1,
      timestamp: 1,
      type: step.type,
      previousInFeed: last.get(step.feed) ?? NONE,
    })
    last.set(step.feed, row)
    model.push({ key: step.key, feed: step.feed, type: step.type, isLive: true })
  }
  return { table, model }
}

function check(table: MessageTable, model: readonly Row[]): void {
  expect(table.count).toBe(model.length)
  expect(table.droppedCount).toBe(model.filter((row) => !row.isLive).length)
  for (const type of ['post', 'vote', '', 'about']) {
    const expected = [...model.keys()].filter(
      (row) => model[row]!.isLive && model[row]!.type === type,
    )
    expect([...table.rowsOfType(table.types.find(type))]).toEqual(
      table.types.find(type) === 0 ? [] : expected,
    )
  }
  for (const { key: wanted } of model) {
    const found: number[] = []
    const isKey = (row: number) => Buffer.compare(model[row]!.key, wanted) === 0
    table.find(wanted, (row) => {
      if (isKey(row)) found.push(row)
      return false
    })
    const expected = [...model.keys()].filter((row) => model[row]!.isLive && isKey(row))
    expect(found.sort((a, b) => a - b)).toEqual(expected)
  }
}

describe('the message table', () => {
  it('finds what a plain list of rows finds, also after a snapshot', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 200 }), async (commands) => {
        const { table, model } = build(commands)
        check(table, model)
        const fs = new MemoryFileSystem()
        const writer = new SnapshotWriter()
        table.save(writer)
        await writeSnapshot(fs, '/s/one', writer, async () => {})
        const loaded = new MessageTable(seed)
        loaded.load(SnapshotReader.open(fs, '/s/one')!)
        check(loaded, model)
      }),
      { numRuns: 60 },
    )
  })

  it('orders by the lesser of arrival and claim, and by arrival where that is nothing', () => {
    const table = new MessageTable(seed)
    const at = (received: number, timestamp: number): number => {
      const row = table.add({
        keyBytes: new Uint8Array(32),
        feed: 0,
        sequence: 1,
        offset: 0,
        length: 1,
        received,
        timestamp,
        type: 'post',
        previousInFeed: NONE,
      })
      return table.claimed[row]!
    }
    expect(at(100, 50)).toBe(50)
    expect(at(100, 150)).toBe(100)
    expect(at(100, 0)).toBe(100)
    expect(at(100, Number.NaN)).toBe(100)
    expect(at(100, -5)).toBe(-5)
    expect(at(100, Number.POSITIVE_INFINITY)).toBe(100)
  })

  it('gives types beyond the bound no number of their own', () => {
    const table = new MessageTable(seed)
    const add = (type: string) =>
      table.add({
        keyBytes: idBytesOf(table.count),
        feed: 0,
        sequence: 1,
        offset: 0,
        length: 1,
        received: 1,
        timestamp: 1,
        type,
        previousInFeed: NONE,
      })
    for (let index = 0; index < 65_600; index++) add(`type ${index}`)
    const long = add('x'.repeat(53))
    expect(table.types.count).toBe(65_535)
    expect(table.type[65_533]).toBe(0)
    expect(table.types.name(table.type[65_532]!)).toBe('type 65532')
    expect(table.unnamedRows.length).toBe(65_600 - 65_533 + 1)
    expect(table.unnamedRows.at(-1)).toBe(long)
  })
})
