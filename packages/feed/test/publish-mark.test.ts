import type { FileSystem } from '@dunbar/actor'
import { Killed, MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, it } from 'vitest'
import { createPublishMark, PublishMark } from '../src/publish-mark.js'
import { idBytesOf, putFile } from './store-fixture.js'

const path = '/data/publish-mark'
const markOf = (sequence: number) => ({ sequence, keyBytes: idBytesOf(sequence) })
const raise = (mark: PublishMark, sequence: number) => mark.raise(sequence, idBytesOf(sequence))

/** A disk with the data folder on it. */
async function disk(): Promise<MemoryFileSystem> {
  const fs = new MemoryFileSystem()
  fs.makeFolder('/data')
  await fs.syncFolder('/')
  return fs
}

/** A disk that writes what it is told, and then finds no room when it syncs files, or folders. */
function syncingIntoFull(fs: FileSystem, code: string, what: 'file' | 'folder' = 'file') {
  const failing = async (synced: Promise<void>): Promise<void> => {
    await synced
    throw Object.assign(new Error(code), { code })
  }
  const open: FileSystem['open'] = (...given) => {
    const handle = fs.open(...given)
    const sync = () => (what === 'file' ? failing(handle.sync()) : handle.sync())
    return bound(handle, { sync })
  }
  const syncFolder: FileSystem['syncFolder'] = (folder) =>
    what === 'folder' ? failing(fs.syncFolder(folder)) : fs.syncFolder(folder)
  return bound(fs, { open, syncFolder })
}

/** The same object but for some of its methods. */
function bound<Whole extends object>(whole: Whole, changes: Partial<Whole>): Whole {
  return new Proxy(whole, {
    get(target, name) {
      if (Object.hasOwn(changes, name)) return Reflect.get(changes, name)
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

describe('the publish mark', () => {
  it('is null where there is none, and then the newest one raised', async () => {
    const fs = await disk()
    const mark = new PublishMark(fs, path)
    expect([mark.read(), mark.isDamaged]).toEqual([null, false])
    for (const sequence of [1, 2, 3, 7]) {
      await raise(mark, sequence)
      expect(mark.read()).toEqual(markOf(sequence))
      expect(new PublishMark(fs, path).read()).toEqual(markOf(sequence))
    }
    expect(fs.permissionsOf(path)).toBe(0o600)
    mark.close()
    expect(fs.openFileCount).toBe(0)
  })

  it('writes and syncs once a message', async () => {
    const fs = await disk()
    const mark = new PublishMark(fs, path)
    await raise(mark, 1)
    await raise(mark, 2)
    const before = fs.callCount
    await raise(mark, 3)
    expect(fs.callCount - before).toBe(2)
  })

  it('only goes up', async () => {
    const mark = new PublishMark(await disk(), path)
    await raise(mark, 5)
    const backward = expect.objectContaining({ code: 'MARK_BACKWARD' })
    await expect(raise(mark, 4)).rejects.toThrow(backward)
    await expect(mark.raise(5, idBytesOf(9))).rejects.toThrow(backward)
    await raise(mark, 5)
    await expect(raise(mark, 0.5)).rejects.toThrow(
      expect.objectContaining({ code: 'STORE_ENTRY_INVALID' }),
    )
    expect(mark.read()).toEqual(markOf(5))
  })

  it('keeps calls in order that do not wait for each other', async () => {
    const fs = await disk()
    const mark = new PublishMark(fs, path)
    await Promise.all([1, 2, 3, 4].map((sequence) => raise(mark, sequence)))
    expect(new PublishMark(fs, path).read()).toEqual(markOf(4))
  })

  it('falls back to the one before with any byte of the newest turned', async () => {
    const fs = await disk()
    const mark = new PublishMark(fs, path)
    await raise(mark, 1)
    await raise(mark, 2)
    const bytes = fs.readFile(path)
    for (let at = 0; at < bytes.length; at++) {
      const turned = bytes.slice()
      turned[at]! ^= 16
      putFile(fs, path, turned)
      const found = new PublishMark(fs, path).read()!
      expect(found.sequence).toBeGreaterThanOrEqual(1)
      expect(found).toEqual(markOf(found.sequence))
    }
  })

  it('says where a file is there and no mark in it, and replaces that', async () => {
    for (const bytes of [new Uint8Array(0), new Uint8Array(1024), new Uint8Array(5000).fill(1)]) {
      const fs = await disk()
      putFile(fs, path, bytes)
      const mark = new PublishMark(fs, path)
      expect([mark.read(), mark.isDamaged]).toEqual([null, true])
      await raise(mark, 3)
      expect([mark.read(), mark.isDamaged]).toEqual([markOf(3), false])
      expect(new PublishMark(fs, path).read()).toEqual(markOf(3))
    }
  })

  it('fails rather than calls the disk full, once the slot may have reached the disk', async () => {
    for (const code of ['ENOSPC', 'EDQUOT']) {
      const fs = await disk()
      await raise(new PublishMark(fs, path), 1)
      const held = new PublishMark(syncingIntoFull(fs, code), path)
      await expect(raise(held, 2)).rejects.toMatchObject({ code: 'STORE_FAILED' })
      expect(held.read()).toEqual(markOf(1))
      expect(new PublishMark(fs, path).read()).toEqual(markOf(2))
    }
  })

  it('fails in the same way for a whole file that has its name, and is full before that', async () => {
    const fs = await disk()
    const inFolder = new PublishMark(syncingIntoFull(fs, 'ENOSPC', 'folder'), path)
    await expect(raise(inFolder, 2)).rejects.toMatchObject({ code: 'STORE_FAILED' })
    expect(new PublishMark(fs, path).read()).toEqual(markOf(2))

    const other = await disk()
    const inFile = new PublishMark(syncingIntoFull(other, 'ENOSPC'), path)
    await expect(raise(inFile, 2)).rejects.toMatchObject({ code: 'STORE_FULL' })
    expect(new PublishMark(other, path).read()).toBeNull()
  })

  it('fails where the disk is full while the slot is written', async () => {
    const fs = await disk()
    await raise(new PublishMark(fs, path), 1)
    const mark = new PublishMark(fs, path)
    fs.failAt(fs.callCount, 'ENOSPC')
    await expect(raise(mark, 2)).rejects.toMatchObject({ code: 'STORE_FAILED' })
    fs.heal()
    await raise(mark, 2)
    expect(new PublishMark(fs, path).read()).toEqual(markOf(2))
  })

  it('never falls behind what was acknowledged, wherever the process ends or the disk fails', async () => {
    for (const fault of ['kill', 'torn', 'EIO', 'ENOSPC'] as const) {
      for (let call = 0; ; call++) {
        const fs = await disk()
        const first = fs.callCount
        fs.failAt(first + call, fault)
        let acknowledged = 0
        let tried = 0
        const mark = new PublishMark(fs, path)
        for (const sequence of [1, 2, 3, 4]) {
          tried = sequence
          try {
            await raise(mark, sequence)
            acknowledged = sequence
          } catch (error) {
            if (fs.isKilled) break
            expect((error as { code: string }).code).toMatch(/^STORE_(FULL|FAILED)$/)
            fs.heal()
          }
        }
        for (const image of fs.crashImages('publish-mark')) {
          const found = new PublishMark(image, path).read()
          const label = `${fault} at ${call}, ${image.origin}`
          expect(found?.sequence ?? 0, label).toBeGreaterThanOrEqual(acknowledged)
          expect(found?.sequence ?? 0, label).toBeLessThanOrEqual(tried)
          if (found !== null) expect(found).toEqual(markOf(found.sequence))
        }
        if (fs.faultHitCount === 0) break
      }
    }
    expect(new Killed(0).code).toBe('KILLED')
  })
})

describe('the mark of a new identity', () => {
  const publicKey = idBytesOf(40)

  it('names the identity and says that nothing was published', async () => {
    const fs = await disk()
    await createPublishMark(fs, path, publicKey)
    expect(new PublishMark(fs, path).read()).toEqual({ sequence: 0, keyBytes: publicKey })
    expect(fs.list('/data')).toEqual(['publish-mark'])
  })

  it('replaces one under which nothing was published', async () => {
    const fs = await disk()
    await createPublishMark(fs, path, idBytesOf(39))
    await createPublishMark(fs, path, publicKey)
    expect(new PublishMark(fs, path).read()).toEqual({ sequence: 0, keyBytes: publicKey })
    expect(fs.list('/data')).toEqual(['publish-mark'])
  })

  it('leaves the mark of an identity that has published beside it, wherever the process ends', async () => {
    const digits = Buffer.from(idBytesOf(7)).toString('hex').slice(0, 8)
    const kept = `${path}.7-${digits}`
    for (let call = 0; ; call++) {
      const fs = await disk()
      await raise(new PublishMark(fs, path), 7)
      fs.failAt(fs.callCount + call, 'kill')
      const isDone = await createPublishMark(fs, path, publicKey).then(
        () => true,
        () => false,
      )
      for (const image of fs.crashImages('new identity')) {
        const found = [path, kept].map((name) => new PublishMark(image, name).read())
        expect(found, `${call}, ${image.origin}`).toContainEqual(markOf(7))
        if (isDone) expect(found).toEqual([{ sequence: 0, keyBytes: publicKey }, markOf(7)])
      }
      if (fs.faultHitCount === 0) {
        expect(isDone).toBe(true)
        break
      }
    }
  })
})
