import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, it } from 'vitest'
import { lockFolder } from '../src/lock.js'

const LOCK = new URL('../dist/lock.js', import.meta.url).href
/** Takes the folder, says how that went, and keeps what it got until its input ends. */
const HOLDER = `
const { lockFolder } = await import(${JSON.stringify(LOCK)})
process.stdin.on('end', () => process.exit()).resume()
console.log('ready')
await new Promise((resolve) => process.stdin.once('data', resolve))
const lock = await lockFolder(process.argv[1]).catch((error) => error)
console.log(lock.code ?? 'held')
`

const canUnshare = spawnSync('unshare', ['-Urpf', 'true']).status === 0

const folders: string[] = []
const children: ChildProcess[] = []

afterEach(async () => {
  for (const child of children.splice(0)) await ended(child)
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dunbar-lock-'))
  folders.push(folder)
  return join(folder, 'node')
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const isGone = once(child, 'close')
  child.kill('SIGKILL')
  await isGone
}

interface Starter {
  readonly child: ChildProcess
  /** Tries to take the folder; gives `held` or the code of the refusal. */
  take(): Promise<string>
}

/** A process that is ready to take the folder. */
async function starter(path: string, wrapper: readonly string[] = []): Promise<Starter> {
  const words = [...wrapper, process.execPath, '--input-type=module', '-e', HOLDER, path]
  const child = spawn(words[0]!, words.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  expect((await lines.next()).value).toBe('ready')
  const take = async () => {
    child.stdin!.write('go\n')
    return (await lines.next()).value as string
  }
  return { child, take }
}

const refusal = async (path: string) =>
  lockFolder(path).then(
    (lock) => {
      lock.release()
      return null
    },
    (error) => error.code,
  )

describe('the lock of a folder', () => {
  it('keeps out another process and this one, and is free once it is given back', async () => {
    const path = newFolder()
    const lock = await lockFolder(path)
    expect(await refusal(path)).toBe('FOLDER_IN_USE')
    expect(await (await starter(path)).take()).toBe('FOLDER_IN_USE')
    lock.release()
    expect(readdirSync(path)).toEqual([])
    expect(await (await starter(path)).take()).toBe('held')
    expect(await refusal(path)).toBe('FOLDER_IN_USE')
  })

  it('is held by a process that is stopped, and by nobody once it was killed', async () => {
    const path = newFolder()
    const { child, take } = await starter(path)
    expect(await take()).toBe('held')
    child.kill('SIGSTOP')
    expect(await refusal(path)).toBe('FOLDER_IN_USE')
    await ended(child)
    expect(existsSync(join(path, 'lock'))).toBe(true)
    expect(await refusal(path)).toBe(null)
  })

  it.skipIf(!canUnshare)('holds for processes that do not see each other', async () => {
    const path = newFolder()
    const apart = ['unshare', '-Urpf', '--kill-child']
    const first = await starter(path, apart)
    expect(await first.take()).toBe('held')
    expect(readdirSync(join(path, 'lock'))[0]).toMatch(/^1\./)
    expect(await (await starter(path, apart)).take()).toBe('FOLDER_IN_USE')
    expect(await refusal(path)).toBe('FOLDER_IN_USE')
  })

  it('that a dead process left goes to one of many that start at once', async () => {
    const path = newFolder()
    for (let round = 0; round < 3; round++) {
      const starters = await Promise.all(Array.from({ length: 5 }, () => starter(path)))
      const taken = await Promise.all(starters.map(({ take }) => take()))
      expect(taken.filter((each) => each === 'held')).toEqual(['held'])
      expect(taken.filter((each) => each === 'FOLDER_IN_USE')).toHaveLength(4)
      expect(readdirSync(path)).toEqual(['lock'])
      for (const { child } of starters) await ended(child)
    }
  })

  it('goes to one of many in one process, however their steps fall between each other', async () => {
    const path = newFolder()
    for (let round = 0; round < 20; round++) {
      const taken = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(path)))
      const locks = taken.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
      expect(locks).toHaveLength(1)
      locks[0]!.release()
    }
    expect(readdirSync(path)).toEqual([])
  })

  it('is refused where the path is too long for a socket, before anything is made', async () => {
    const path = join(newFolder(), 'long'.repeat(30))
    expect(await refusal(path)).toBe('SOCKET_PATH_TOO_LONG')
    expect(existsSync(join(path, '..'))).toBe(false)
  })

  it('can not be taken where something else stands in its place', async () => {
    const path = newFolder()
    mkdirSync(join(path, 'lock', 'folder'), { recursive: true })
    expect(await refusal(path)).toBe('FOLDER_UNUSABLE')
    expect(readdirSync(path)).toEqual(['lock'])
  })
})
