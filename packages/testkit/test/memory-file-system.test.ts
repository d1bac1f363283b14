import { Killed, MemoryFileSystem } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')
const bytes = (content: string): Uint8Array => Buffer.from(content, 'utf8')

function write(fs: MemoryFileSystem, path: string, content: string, position = 0): void {
  const file = fs.open(path, 'readWrite')
  try {
    file.write(bytes(content), position)
  } finally {
    file.close()
  }
}

async function writeDurably(fs: MemoryFileSystem, path: string, content: string): Promise<void> {
  const file = fs.open(path, 'readWrite')
  file.write(bytes(content), 0)
  await file.sync()
  file.close()
  await fs.syncFolder('/')
}

const codeOf = (run: () => unknown): string | undefined => {
  try {
    run()
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
  return undefined
}

const filesOf = (fs: MemoryFileSystem): Record<string, string> =>
  Object.fromEntries([...fs.snapshot()].map(([path, content]) => [path, text(content)]))

describe('a file system in memory', () => {
  test('reads what was written, with zeros in a gap', () => {
    const fs = new MemoryFileSystem()
    const file = fs.open('/a', 'createNew')
    file.write(bytes('xy'), 3)
    expect(file.sizeBytes()).toBe(5)
    const target = new Uint8Array(10).fill(9)
    expect(file.read(target, 1, 8, 2)).toBe(3)
    expect([...target]).toEqual([9, 0, 120, 121, 9, 9, 9, 9, 9, 9])
    expect(file.read(target, 0, 4, 5)).toBe(0)
    expect([...fs.readFile('a')]).toEqual([0, 0, 0, 120, 121])
  })

  test('fills with zeros where a shortened file grows again', () => {
    const fs = new MemoryFileSystem()
    const file = fs.open('/a', 'createNew')
    file.write(bytes('secret'), 0)
    file.truncate(1)
    file.truncate(3)
    file.write(bytes('z'), 4)
    expect([...fs.readFile('/a')]).toEqual([115, 0, 0, 0, 122])
  })

  test('does not keep the memory that it was given', () => {
    const fs = new MemoryFileSystem()
    const file = fs.open('/a', 'createNew')
    const given = bytes('abc')
    file.write(given, 0)
    given.fill(0)
    fs.readFile('/a').fill(0)
    expect(text(fs.readFile('/a'))).toBe('abc')
    expect(filesOf([...fs.crashImages(1)][1] as MemoryFileSystem)).toEqual({ '/a': 'abc' })
  })

  test('has the error codes of Node', () => {
    const fs = new MemoryFileSystem({ maxOpenFiles: 1 })
    fs.makeFolder('/folder/inner')
    write(fs, '/file', 'x')
    expect(codeOf(() => fs.open('/none', 'read'))).toBe('ENOENT')
    expect(codeOf(() => fs.open('/none/file', 'createNew'))).toBe('ENOENT')
    expect(codeOf(() => fs.open('/file/below', 'createNew'))).toBe('ENOTDIR')
    expect(codeOf(() => fs.open('/file', 'createNew'))).toBe('EEXIST')
    expect(codeOf(() => fs.open('/folder', 'readWrite'))).toBe('EISDIR')
    expect(codeOf(() => fs.readFile('/none'))).toBe('ENOENT')
    expect(codeOf(() => fs.list('/none'))).toBe('ENOENT')
    expect(codeOf(() => fs.list('/file'))).toBe('ENOTDIR')
    expect(codeOf(() => fs.rename('/none', '/b'))).toBe('ENOENT')
    expect(codeOf(() => fs.rename('/file', '/folder'))).toBe('EISDIR')
    expect(codeOf(() => fs.rename('/folder', '/file'))).toBe('ENOTDIR')
    expect(codeOf(() => fs.rename('/folder', '/folder/inner/deep'))).toBe('EINVAL')
    expect(codeOf(() => fs.remove('/none'))).toBe('ENOENT')
    expect(codeOf(() => fs.remove('/folder'))).toBe('ENOTEMPTY')
    expect(codeOf(() => fs.makeFolder('/file/below'))).toBe('ENOTDIR')
    expect(codeOf(() => fs.makeFolder('/file'))).toBe('EEXIST')
    const file = fs.open('/file', 'read')
    expect(codeOf(() => fs.open('/file', 'read'))).toBe('EMFILE')
    expect(codeOf(() => file.write(bytes('y'), 0))).toBe('EBADF')
    file.close()
    expect(codeOf(() => file.sizeBytes())).toBe('EBADF')
    expect(fs.stat('/none')).toBeNull()
    expect(fs.stat('/file')).toEqual({ sizeBytes: 1, isFolder: false })
    expect(fs.stat('/folder')).toEqual({ sizeBytes: 0, isFolder: true })
    expect(fs.openFileCount).toBe(0)
  })

  test('renames a folder with all that is in it, and over a file', () => {
    const fs = new MemoryFileSystem()
    fs.makeFolder('/a/b')
    write(fs, '/a/b/one', '1')
    write(fs, '/two', '2')
    fs.rename('/a', '/c')
    fs.rename('/two', '/c/b/one')
    expect(filesOf(fs)).toEqual({ '/c/b/one': '2' })
    expect(fs.list('/').sort()).toEqual(['c'])
    expect(fs.usedBytes).toBe(1)
  })

  test('keeps a removed file readable for those who hold it open', () => {
    const fs = new MemoryFileSystem()
    write(fs, '/a', 'still here')
    const file = fs.open('/a', 'read')
    fs.remove('/a')
    const target = new Uint8Array(10)
    expect(file.read(target, 0, 10, 0)).toBe(10)
    expect(text(target)).toBe('still here')
    expect(fs.stat('/a')).toBeNull()
  })

  test('tells the permissions that a file was made with, also after a crash', async () => {
    const fs = new MemoryFileSystem()
    fs.open('/secret', 'createNew', 0o600).close()
    await fs.syncFolder('/')
    expect(fs.permissionsOf('/secret')).toBe(0o600)
    const [image] = fs.crashImages(1)
    expect(image?.permissionsOf('/secret')).toBe(0o600)
    expect(fs.permissionsOf('/')).toBe(0o700)
    expect(fs.permissionsOf('/none')).toBeNull()
  })

  test('a fork goes its own way and loses the same effects in a crash', async () => {
    const fs = new MemoryFileSystem()
    await writeDurably(fs, '/a', 'old')
    write(fs, '/a', 'new')
    const fork = fs.fork()
    write(fork, '/a', 'far')
    expect(filesOf(fs)).toEqual({ '/a': 'new' })
    expect(filesOf(fork)).toEqual({ '/a': 'far' })
    expect(fork.callCount).toBe(1)
    const [lost] = fork.crashImages(1)
    expect(filesOf(lost as MemoryFileSystem)).toEqual({ '/a': 'old' })
  })
})

describe('faults', () => {
  test('each mutating call has a number, reads and failed calls have none', async () => {
    const fs = new MemoryFileSystem()
    const counts: number[] = []
    const count = (): void => void counts.push(fs.callCount)
    fs.makeFolder('/f/g')
    count()
    fs.makeFolder('/f/g')
    count()
    const file = fs.open('/f/a', 'createNew')
    count()
    fs.open('/f/a', 'readWrite').close()
    expect(codeOf(() => fs.remove('/nothing'))).toBe('ENOENT')
    fs.readFile('/f/a')
    count()
    file.write(bytes('x'), 0)
    file.truncate(0)
    count()
    await file.sync()
    await fs.syncFolder('/f')
    count()
    fs.rename('/f/a', '/f/b')
    fs.remove('/f/b')
    count()
    expect(counts).toEqual([2, 2, 3, 3, 5, 7, 9])
  })

  test('a full disk takes half of the write, then refuses growth until space returns', () => {
    const fs = new MemoryFileSystem()
    write(fs, '/a', '12345678')
    fs.failAt(fs.callCount, 'ENOSPC')
    expect(codeOf(() => write(fs, '/a', 'abcdefgh', 8))).toBe('FS_SHORT_WRITE')
    expect(filesOf(fs)).toEqual({ '/a': '12345678abcd' })
    expect(codeOf(() => write(fs, '/a', 'efgh', 12))).toBe('ENOSPC')
    expect(codeOf(() => write(fs, '/b', 'x'))).toBe('ENOSPC')
    expect(codeOf(() => fs.makeFolder('/c'))).toBe('ENOSPC')
    write(fs, '/a', 'ABC', 0)
    fs.rename('/a', '/d')
    fs.heal()
    write(fs, '/d', 'efgh', 12)
    expect(filesOf(fs)).toEqual({ '/d': 'ABC45678abcdefgh' })
    expect(fs.faultHitCount).toBe(1)
  })

  test('a capacity fills up exactly, and removing gives space back', () => {
    const fs = new MemoryFileSystem({ capacityBytes: 10 })
    write(fs, '/reserve', 'xxxx')
    expect(codeOf(() => write(fs, '/a', '12345678'))).toBe('FS_SHORT_WRITE')
    expect(fs.usedBytes).toBe(10)
    expect(codeOf(() => write(fs, '/a', '78', 6))).toBe('ENOSPC')
    fs.remove('/reserve')
    write(fs, '/a', '78', 6)
    expect(filesOf(fs)).toEqual({ '/a': '12345678' })
    fs.setCapacity(9)
    expect(codeOf(() => write(fs, '/a', '9A', 8))).toBe('FS_SHORT_WRITE')
  })

  test('an input/output error hits one call and changes nothing', () => {
    const fs = new MemoryFileSystem()
    write(fs, '/a', 'one')
    fs.failAt(fs.callCount, 'EIO')
    expect(codeOf(() => write(fs, '/a', 'two'))).toBe('EIO')
    expect(filesOf(fs)).toEqual({ '/a': 'one' })
    write(fs, '/a', 'two')
    expect(filesOf(fs)).toEqual({ '/a': 'two' })
  })

  test('reads fail at a number, or for a file until healed', () => {
    const fs = new MemoryFileSystem()
    write(fs, '/a', 'one')
    fs.failRead(1)
    expect(text(fs.readFile('/a'))).toBe('one')
    expect(codeOf(() => fs.readFile('/a'))).toBe('EIO')
    fs.failReadsOf('/a')
    const file = fs.open('/a', 'read')
    expect(codeOf(() => file.read(new Uint8Array(3), 0, 3, 0))).toBe('EIO')
    fs.heal()
    expect(file.read(new Uint8Array(3), 0, 3, 0)).toBe(3)
  })

  test('a killed process makes no call any more', async () => {
    const fs = new MemoryFileSystem()
    const file = fs.open('/a', 'createNew')
    fs.failAt(1, 'kill')
    expect(() => file.write(bytes('lost'), 0)).toThrow(Killed)
    expect(() => file.write(bytes('lost'), 0)).toThrow(Killed)
    expect(() => fs.readFile('/a')).toThrow(Killed)
    expect(() => fs.stat('/a')).toThrow(Killed)
    await expect(file.sync()).rejects.toThrow(Killed)
    await expect(fs.syncFolder('/')).rejects.toThrow(Killed)
    file.close()
    expect(fs.isKilled).toBe(true)
    expect(filesOf(fs)).toEqual({ '/a': '' })
  })

  test('a torn write leaves half', () => {
    const fs = new MemoryFileSystem()
    const file = fs.open('/a', 'createNew')
    fs.failAt(1, 'torn')
    expect(() => file.write(bytes('abcdef'), 0)).toThrow(Killed)
    expect(filesOf(fs)).toEqual({ '/a': 'abc' })
  })

  test('a flipped bit is there after a crash too', async () => {
    const fs = new MemoryFileSystem()
    await writeDurably(fs, '/a', 'abc')
    fs.corrupt('/a', 1)
    const [image] = fs.crashImages(1)
    expect(filesOf(fs)).toEqual({ '/a': 'acc' })
    expect(filesOf(image as MemoryFileSystem)).toEqual({ '/a': 'acc' })
  })
})

describe('what a crash leaves', () => {
  const states = (fs: MemoryFileSystem): Record<string, string>[] =>
    [...fs.crashImages('states')].map(filesOf)

  test('is one state where everything is synced', async () => {
    const fs = new MemoryFileSystem()
    await writeDurably(fs, '/a', 'kept')
    expect(fs.unsyncedCount).toBe(0)
    expect(states(fs)).toEqual([{ '/a': 'kept' }])
  })

  test('a synced file without a synced name may be gone', async () => {
    const fs = new MemoryFileSystem()
    const file = fs.open('/a', 'createNew')
    file.write(bytes('data'), 0)
    await file.sync()
    expect(states(fs)).toEqual([{}, { '/a': 'data' }])
    await fs.syncFolder('/')
    expect(states(fs)).toEqual([{ '/a': 'data' }])
  })

  test('a synced folder without a synced name of its own is gone with all that is in it', async () => {
    const fs = new MemoryFileSystem()
    fs.makeFolder('/f')
    const file = fs.open('/f/a', 'createNew')
    await file.sync()
    await fs.syncFolder('/f')
    const [image] = fs.crashImages(1)
    expect(image?.stat('/f')).toBeNull()
    await fs.syncFolder('/')
    expect([...fs.crashImages(1)].map((one) => one.stat('/f/a'))).toEqual([
      { sizeBytes: 0, isFolder: false },
    ])
  })

  test('a rename without a sync of the new file may show an empty file, with one never', async () => {
    for (const isSynced of [false, true]) {
      const fs = new MemoryFileSystem()
      await writeDurably(fs, '/a', 'old')
      const file = fs.open('/a.new', 'createNew')
      file.write(bytes('new'), 0)
      if (isSynced) await file.sync()
      fs.rename('/a.new', '/a')
      const seen = new Set(states(fs).map((state) => state['/a']))
      expect(seen.has('')).toBe(!isSynced)
      expect(seen.has('old') && seen.has('new')).toBe(true)
      expect(seen.has(undefined as unknown as string)).toBe(false)
    }
  })

  test('only what a sync covered when it was asked for is durable when it is done', async () => {
    const waiting: (() => void)[] = []
    const fs = new MemoryFileSystem({ completeSync: (run) => waiting.push(run) })
    const file = fs.open('/a', 'createNew')
    const named = fs.syncFolder('/')
    file.write(bytes('one'), 0)
    const synced = file.sync()
    file.write(bytes('two'), 3)
    expect(states(fs)[0]).toEqual({})
    for (const run of waiting.splice(0)) run()
    await Promise.all([named, synced])
    expect(states(fs)[0]).toEqual({ '/a': 'one' })
    expect(states(fs)[1]).toEqual({ '/a': 'onetwo' })
  })

  test('what a failed sync was for never becomes durable by a second sync', async () => {
    const fs = new MemoryFileSystem()
    await writeDurably(fs, '/a', '....')
    const file = fs.open('/a', 'readWrite')
    file.write(bytes('AB'), 0)
    fs.failAt(fs.callCount, 'EIO')
    await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' })
    file.write(bytes('yz'), 1)
    await file.sync()
    expect(filesOf(fs)).toEqual({ '/a': 'Ayz.' })
    expect(states(fs)[0]).toEqual({ '/a': '.yz.' })
    expect(states(fs)[1]).toEqual({ '/a': 'Ayz.' })
  })

  test('has every prefix, every single loss and every sector cut of unsynced writes', async () => {
    const fs = new MemoryFileSystem()
    await writeDurably(fs, '/a', '')
    const file = fs.open('/a', 'readWrite')
    file.write(bytes('1'), 0)
    file.write(bytes('2'), 1)
    file.write(bytes('x'.repeat(1500)), 2)
    const seen = new Set(
      [...fs.crashImages(7)].map((image) =>
        text(image.readFile('/a'))
          .replaceAll('\0', '0')
          .replace(/x+$/, (run) => `x${run.length}`),
      ),
    )
    const expected = ['', '1', '12', '12x1500', '02x1500', '10x1500', '12x510', '12x1022']
    for (const state of [...expected, `12${'0'.repeat(1500)}`]) expect([...seen]).toContain(state)
    expect([...seen].filter((state) => /^12x\d+$/.test(state)).length).toBeGreaterThan(8)
  })

  test('is the same for the same seed and bounded by the budget', () => {
    const fs = new MemoryFileSystem()
    for (let index = 0; index < 40; index += 1) write(fs, `/${index % 3}`, `${index}`, index * 7)
    const origins = (seed: number, maxImages?: number): string[] =>
      [...fs.crashImages(seed, maxImages === undefined ? {} : { maxImages })].map(
        (one) => one.origin,
      )
    expect(origins(1)).toEqual(origins(1))
    expect(origins(1)).not.toEqual(origins(2))
    expect(origins(1, 10)).toHaveLength(10)
    expect(origins(1, 10).slice(0, 2)).toEqual(origins(1).slice(0, 2))
    expect(origins(1, 1)).toHaveLength(1)
  })

  test('an image is a disk to work on, apart from the others', async () => {
    const fs = new MemoryFileSystem()
    await writeDurably(fs, '/a', 'one')
    write(fs, '/a', '!', 3)
    const [lost, kept] = fs.crashImages(1) as Iterable<MemoryFileSystem> & MemoryFileSystem[]
    write(lost as MemoryFileSystem, '/a', 'O')
    expect(filesOf(lost as MemoryFileSystem)).toEqual({ '/a': 'One' })
    expect(filesOf(kept as MemoryFileSystem)).toEqual({ '/a': 'one!' })
    expect(filesOf(fs)).toEqual({ '/a': 'one!' })
    expect(states(lost as MemoryFileSystem)[0]).toEqual({ '/a': 'one' })
  })
})
