import { CodedError } from '@dunbar/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KeyHints, tableHasKey } from '../src/key-hints.js'
import { MessageTable } from '../src/message-table.js'
import type { KeyTable } from '../src/protocol.js'

const seed = { high: 1, low: 2 }

/** Keys by number; those in one thousand share all but their last bytes with nobody. */
function keyOf(number: number): Uint8Array {
  const bytes = new Uint8Array(32)
  bytes[3] = number & 0xff
  bytes[7] = number >>> 8
  return bytes
}

function add(table: MessageTable, number: number): void {
  table.add({
    keyBytes: keyOf(number),
    feed: 0,
    sequence: 1,
    offset: 0,
    length: 1,
    received: 1,
    timestamp: 1,
    type: 'post',
    previousInFeed: 0xffffffff,
  })
}

const clone = (table: KeyTable): KeyTable => structuredClone(table)

describe('tableHasKey', () => {
  it('finds what was added before the table was given, and never what was not added', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(999), { maxLength: 300 }),
        fc.uniqueArray(fc.nat(999), { maxLength: 300 }),
        (before, after) => {
          const table = new MessageTable(seed)
          for (const number of before) add(table, number)
          const given = clone(table.keys)
          const added = new Set(before)
          for (const number of after) {
            add(table, number)
            added.add(number)
          }
          for (let number = 0; number < 1_000; number++) {
            const isFound = tableHasKey(given, keyOf(number))
            if (before.includes(number)) expect(isFound).toBe(true)
            if (!added.has(number)) expect(isFound).toBe(false)
            expect(tableHasKey(table.keys, keyOf(number))).toBe(added.has(number))
          }
        },
      ),
      { numRuns: 50 },
    )
  })

  it('sees through a clone what was added later, while the table has room', () => {
    const table = new MessageTable(seed)
    add(table, 1)
    const given = clone(table.keys)
    add(table, 2)
    expect(tableHasKey(given, keyOf(2))).toBe(true)
  })
})

describe('KeyHints', () => {
  it('names the shard that holds a key once its table was fetched', async () => {
    const tables = [new MessageTable(seed), new MessageTable({ high: 5, low: 6 })]
    add(tables[1]!, 7)
    const hints = new KeyHints(tables.map((table) => async () => clone(table.keys)))
    expect(hints.shardOf(keyOf(7))).toBe(-1)
    await hints.refresh(1)
    expect(hints.shardOf(keyOf(7))).toBe(1)
    expect(hints.shardOf(keyOf(8))).toBe(-1)
  })

  it('goes without the table of a shard that does not answer', async () => {
    const hints = new KeyHints([() => Promise.reject(new CodedError('ACTOR_DOWN', 'down', {}))])
    await hints.refresh(0)
    expect(hints.shardOf(keyOf(1))).toBe(-1)
  })

  it('asks a shard once at a time', async () => {
    let asked = 0
    const table = new MessageTable(seed)
    const hints = new KeyHints([
      async () => {
        asked += 1
        return clone(table.keys)
      },
    ])
    await Promise.all([hints.refresh(0), hints.refresh(0)])
    expect(asked).toBe(1)
  })
})
