import type { LogLevel } from '@dunbar/actor'
import { generateKeys } from '@dunbar/core'
import { createSimulation, MemoryFileSystem, type Simulation } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'
import { AddressBook } from '../src/address-book.js'
import { CONN_LIMITS, type ConnLimits, netAddress, type PeerAddress } from '../src/index.js'

const idOf = (number: number) => generateKeys(new Uint8Array(32).fill(number)).id
const addressOf = (number: number): PeerAddress =>
  netAddress(`peer-${number}.example`, 8008, idOf(number))!

const FOLDER = '/node'
const FILE = `${FOLDER}/conn.json`

function setUp(
  options: { readonly files?: MemoryFileSystem; readonly limits?: Partial<ConnLimits> } = {},
) {
  const simulation: Simulation = createSimulation({ seed: 1 })
  const files = options.files ?? new MemoryFileSystem()
  files.makeFolder(FOLDER)
  const logged: string[] = []
  const logger = { log: (_: LogLevel, __: string, text: string) => logged.push(text) }
  const { clock, timers } = simulation.ports('main', { fs: files, logger })
  const limits = { ...CONN_LIMITS, ...options.limits }
  const open = () => new AddressBook({ folder: FOLDER, files, timers, clock, logger, limits })
  return { simulation, files, logged, open }
}

const write = (files: MemoryFileSystem, path: string, text: string): void => {
  const handle = files.open(path, 'readWrite')
  handle.write(Buffer.from(text), 0)
  handle.close()
}

const read = (files: MemoryFileSystem): unknown =>
  JSON.parse(Buffer.from(files.readFile(FILE)).toString())

describe('the file', () => {
  test('has the entries by address, and is written a second after the first change', async () => {
    const { simulation, files, open } = setUp()
    const book = open()
    book.set(addressOf(1), { type: 'pub', source: 'manual' })
    book.set(addressOf(2), { autoconnect: false })
    await simulation.advance(999)
    expect(files.stat(FILE)).toBeNull()
    await simulation.advance(1)
    const birth = Date.UTC(2025, 0, 1)
    expect(read(files)).toEqual({
      [addressOf(1).text]: { key: idOf(1), type: 'pub', source: 'manual', birth },
      [addressOf(2).text]: { key: idOf(2), autoconnect: false, birth },
    })
    await book.close()
  })

  test('is read back with what other programs put there', async () => {
    const { simulation, open } = setUp()
    const book = open()
    const duration = { mean: 5, stdev: 0, count: 1, sum: 5, sqsum: 25 }
    book.set(addressOf(1), { duration, failure: 2, name: 'my pub', hops: [1] })
    await book.close()
    expect(open().get(addressOf(1).text)).toMatchObject({
      duration,
      failure: 2,
      name: 'my pub',
      hops: [1],
    })
    await simulation.advance(10_000)
  })

  test('is written when the node stops, whatever happened before', async () => {
    const { files, open } = setUp()
    await open().close()
    expect(read(files)).toEqual({})
  })

  test('is the old one or the new one after a crash at any moment', async () => {
    const { files, open } = setUp()
    const book = open()
    book.set(addressOf(1), {})
    await book.close()
    const again = open()
    again.set(addressOf(2), {})
    await again.close()
    for (const image of files.crashImages(1)) {
      if (image.stat(FILE) === null) continue
      const size = new AddressBook({
        folder: FOLDER,
        files: image,
        timers: { set: () => () => {} },
        clock: { now: () => 0, monotonic: () => 0 },
        logger: { log: (_, __, text) => expect.fail(text) },
        limits: CONN_LIMITS,
      }).size
      expect([1, 2], image.origin).toContain(size)
    }
  })

  test('that can not be written is tried again with the next change', async () => {
    const { simulation, files, logged, open } = setUp()
    const book = open()
    files.failAt(files.callCount, 'EIO')
    book.set(addressOf(1), {})
    await simulation.advance(1_000)
    expect(logged).toEqual(['the address book could not be written'])
    book.set(addressOf(2), {})
    await simulation.advance(1_000)
    expect(Object.keys(read(files) as object)).toHaveLength(2)
  })

  test.each(['{"net:', '[]x', '7', 'null'])('that holds %s is set aside with a warning', (text) => {
    const { files, logged, open } = setUp()
    write(files, FILE, text)
    expect(open().size).toBe(0)
    expect(logged).toEqual(['an address book that can not be read was set aside'])
    expect(files.list(FOLDER)).toEqual(['conn.json.damaged-2025-01-01T00-00-00-000Z'])
  })

  test('of ssb-conn-db is read: several addresses in one key, fields of its own, what is only near left out', () => {
    const { files, open } = setUp()
    const [one, two, three] = [addressOf(1), addressOf(2), addressOf(3)]
    const theirs = {
      [`${one.text};ws://peer-1.example:8989~shs:${idOf(1).slice(1, -8)}`]: {
        key: idOf(1),
        type: 'pub',
        birth: 1_600_000_000_000,
        stateChange: 1_600_000_000_001,
        failure: 3,
        duration: { mean: 0, stdev: 0, count: 3, sum: 0, sqsum: 0 },
      },
      [two.text]: { key: idOf(2), source: 'local' },
      [three.text]: { key: idOf(9), host: 'peer-3.example', port: 8008, failure: 'often' },
      'unix:/socket~noauth': {},
      [addressOf(4).text]: 'no entry',
    }
    write(files, FILE, JSON.stringify(theirs))
    const book = open()
    expect(book.size).toBe(3)
    expect(book.get(one.text)).toMatchObject({ key: idOf(1), type: 'pub', failure: 3 })
    expect(book.has(two.text)).toBe(false)
    expect(book.get(three.text)).toEqual({ key: idOf(3), host: 'peer-3.example', port: 8008 })
  })

  test('of ssb-gossip is read where there is no newer one', async () => {
    const { files, open } = setUp()
    const legacy = [
      { host: 'peer-1.example', port: 8008, key: idOf(1), source: 'pub', state: 'connected' },
      { address: addressOf(2).text, key: idOf(2), source: 'local' },
      'nothing',
      null,
    ]
    write(files, `${FOLDER}/gossip.json`, JSON.stringify(legacy))
    const book = open()
    expect([...book.entries()]).toEqual([
      [addressOf(1).text, { host: 'peer-1.example', port: 8008, key: idOf(1), source: 'pub' }],
    ])
    book.delete(addressOf(1).text)
    await book.close()
    expect(open().size).toBe(0)
  })

  test('that is too large is set aside, not read', () => {
    const { files, logged, open } = setUp({ limits: { bookFileBytes: 10 } })
    write(files, FILE, JSON.stringify({ [addressOf(1).text]: {} }))
    expect(open().size).toBe(0)
    expect(logged).toHaveLength(1)
  })
})

describe('the book', () => {
  test('keeps the peer of an address, whatever a caller says', () => {
    const book = setUp().open()
    book.set(addressOf(1), { key: idOf(2) })
    expect(book.get(addressOf(1).text)?.key).toBe(idOf(1))
  })

  test('has no room beyond its bound but for the place of what messages brought', () => {
    const book = setUp({ limits: { bookEntries: 2 } }).open()
    book.set(addressOf(1), { source: 'pub', failure: 1 })
    book.set(addressOf(2), { source: 'pub', failure: 7 })
    book.set(addressOf(3), { source: 'manual' })
    expect(book.has(addressOf(2).text)).toBe(false)
    book.set(addressOf(4), { source: 'manual' })
    expect(() => book.set(addressOf(5), {})).toThrow(
      expect.objectContaining({ code: 'ADDRESS_BOOK_FULL' }),
    )
    book.set(addressOf(4), { type: 'pub' })
    expect(book.size).toBe(2)
  })

  test('takes no entry that is too large', () => {
    const book = setUp().open()
    expect(() => book.set(addressOf(1), { note: 'x'.repeat(5_000) })).toThrow(
      expect.objectContaining({ code: 'BAD_ARGUMENT' }),
    )
    expect(book.size).toBe(0)
  })

  test('leaves an entry as it is where what was learnt has no room in it', () => {
    const book = setUp().open()
    book.set(addressOf(1), { note: 'x'.repeat(3_900) })
    book.update(addressOf(1).text, { source: 'y'.repeat(300) })
    book.update(addressOf(2).text, { failure: 1 })
    expect(book.get(addressOf(1).text)?.source).toBeUndefined()
    expect(book.size).toBe(1)
  })

  test('gives the address of a peer that failed least', () => {
    const book = setUp().open()
    const other = netAddress('other.example', 8008, idOf(1))!
    book.set(addressOf(1), { failure: 3 })
    book.set(other, { failure: 1 })
    expect(book.addressOf(idOf(1))).toEqual(other)
    expect(book.addressOf(idOf(2))).toBeNull()
  })

  test('runs no timer while nothing changes', async () => {
    const { simulation, open } = setUp()
    const book = open()
    book.set(addressOf(1), {})
    await simulation.advance(2_000)
    const stepCount = simulation.stepCount
    await simulation.advance(3_600_000)
    expect(simulation.stepCount).toBe(stepCount)
    await book.close()
  })
})
