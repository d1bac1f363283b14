import type { LogLevel } from '@dunbar/actor'
import { generateKeys } from '@dunbar/core'
import { createSimulation, MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'
import { CONN_LIMITS } from '../src/index.js'
import { InviteLedger } from '../src/invite-ledger.js'

const FILE = '/node/invites.json'
const id = generateKeys(new Uint8Array(32).fill(1)).id
const DAY_MS = 86_400_000

function setUp(files = new MemoryFileSystem()) {
  files.makeFolder('/node')
  const simulation = createSimulation({ seed: 1 })
  const logged: string[] = []
  const logger = { log: (_: LogLevel, __: string, text: string) => logged.push(text) }
  const { clock } = simulation.ports('main', { fs: files, logger })
  const limits = { ...CONN_LIMITS, invites: 2 }
  const open = (over: MemoryFileSystem = files) =>
    new InviteLedger({ folder: '/node', files: over, clock, logger, limits })
  const terms = (total: number) => ({ id, total, note: null, expiresAt: clock.now() + DAY_MS })
  return { simulation, files, logged, open, terms, clock }
}

const write = (files: MemoryFileSystem, text: string): void => {
  const handle = files.open(FILE, 'readWrite')
  handle.write(Buffer.from(text), 0)
  handle.close()
}

describe('the ledger of invites', () => {
  test('never lets in more than were invited, after a crash at any moment', async () => {
    for (let at = 0; ; at++) {
      const { files, open, terms } = setUp()
      await files.syncFolder('/')
      await open().add(terms(1))
      files.failAt(files.callCount + at, 'kill')
      const isTaken = await open()
        .take(id)
        .then(
          () => true,
          () => false,
        )
      for (const image of files.crashImages(at)) {
        // Who was let in stays counted; who was not may have lost the use.
        if (isTaken) expect(open(image).isLive(id), image.origin).toBe(false)
        else expect(open(image).has(id), image.origin).toBe(true)
      }
      if (files.faultHitCount === 0) break
    }
  })

  test('keeps its uses when the disk refuses one', async () => {
    const { files, open, terms } = setUp()
    const ledger = open()
    await ledger.add(terms(1))
    files.failAt(files.callCount, 'ENOSPC')
    await expect(ledger.take(id)).rejects.toMatchObject({ code: 'ENOSPC' })
    expect(ledger.isLive(id)).toBe(true)
    files.heal()
    await ledger.take(id)
    expect(ledger.isLive(id)).toBe(false)
  })

  test('makes no invite that the disk refuses', async () => {
    const { files, open, terms } = setUp()
    const ledger = open()
    files.failAt(files.callCount, 'EIO')
    await expect(ledger.add(terms(1))).rejects.toMatchObject({ code: 'EIO' })
    expect(ledger.has(id)).toBe(false)
  })

  test.each(['{', '{"version":2,"invites":[]}', '{"version":1,"invites":[{"id":"@x"}]}'])(
    'that can not be read lets nobody in: %s',
    (text) => {
      const { files, logged, open } = setUp()
      write(files, text)
      expect(open().isLive(id)).toBe(false)
      expect(logged).toHaveLength(1)
      expect(files.list('/node')).toEqual(['invites.json.damaged-2025-01-01T00-00-00-000Z'])
    },
  )

  test('tells an invite that is over from one that never was, for a month', async () => {
    const { simulation, open, terms } = setUp()
    const ledger = open()
    await ledger.add(terms(1))
    await simulation.advance(2 * DAY_MS)
    expect(ledger.isLive(id)).toBe(false)
    await expect(ledger.take(id)).rejects.toMatchObject({ code: 'INVITE_EXPIRED' })
    await simulation.advance(30 * DAY_MS)
    await ledger.add({ ...terms(1), id: generateKeys().id })
    expect(ledger.has(id)).toBe(false)
  })

  test('forgets those that are over first when it is full', async () => {
    const { open, terms } = setUp()
    const ledger = open()
    await ledger.add(terms(1))
    await ledger.take(id)
    const [two, three, four] = [generateKeys().id, generateKeys().id, generateKeys().id]
    await ledger.add({ ...terms(1), id: two })
    await ledger.add({ ...terms(1), id: three })
    expect(ledger.has(id)).toBe(false)
    const fourth = ledger.add({ ...terms(1), id: four })
    await expect(fourth).rejects.toMatchObject({ code: 'INVITE_LIMIT' })
  })
})
