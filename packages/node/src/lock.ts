import { randomInt } from 'node:crypto'
import { mkdirSync, readdirSync, renameSync, rmdirSync, statSync, unlinkSync } from 'node:fs'
import { createConnection, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { CodedError } from '@dunbar/core'

/**
 * One node to a data folder. Node has no `flock`, and a process id says nothing in another
 * container, so the lock is a socket that its owner listens on: the system takes connections for it
 * as long as the owner lives, even where its thread is busy or stopped, and refuses them from then
 * on. That holds for all processes of one machine that share the folder. Machines that share one
 * over the network are not kept apart.
 *
 * `lock/` is a folder with the owner's socket, named `<process id>.<random>`, both in base 36.
 * A starter listens in a folder of its own and renames that folder to `lock`, which the system does
 * only where there is no `lock` or an empty one: of any number of starters one succeeds. A socket
 * that does not answer is removed before. Since each has a name of its own, nothing but that very
 * socket can be removed with it, however long ago it was looked at.
 */
export interface FolderLock {
  release(): void
}

/** `sun_path` without its closing zero: 108 bytes on Linux, 104 on the BSDs and macOS. */
const MAX_SOCKET_PATH_BYTES = process.platform === 'linux' ? 107 : 103
/** Six figures of base 36: two starters with one process id do not meet in a name. */
const RANDOM_RANGE = 36 ** 6
const LONGEST_NAME = `${(2 ** 22).toString(36)}.zzzzzz`
/** Each round but the last ends because another starter was faster, or had gone. */
const MAX_ROUNDS = 64

/**
 * Takes the folder for this process; makes it (mode 0700) where it is missing.
 * @throws {FOLDER_IN_USE} another running process has it; the text names the process
 * @throws {FOLDER_UNUSABLE} it is a file, or can't be made or written
 * @throws {SOCKET_PATH_TOO_LONG} and then nothing was made
 */
export async function lockFolder(path: string): Promise<FolderLock> {
  checkLength(path)
  makeFolder(path)
  const name = `${process.pid.toString(36)}.${randomInt(RANDOM_RANGE).toString(36).padStart(6, '0')}`
  const lockPath = join(path, 'lock')
  const ownPath = join(path, `lock.${name}`)
  let server: Server | null = null
  try {
    server = await listen(join(path, `lock-${name}`))
    mkdirSync(ownPath, { mode: 0o700 })
    renameSync(join(path, `lock-${name}`), join(ownPath, name))
    await take(path, ownPath, lockPath)
  } catch (error) {
    for (const left of [join(path, `lock-${name}`), join(ownPath, name)]) removeIfThere(left)
    removeFolderIfThere(ownPath)
    server?.close()
    if (error instanceof CodedError) throw error
    const { code } = error as NodeJS.ErrnoException
    throw new CodedError('FOLDER_UNUSABLE', `${path} can't be written (${code})`, { path })
  }
  const owned = server
  return {
    release: () => {
      removeIfThere(join(lockPath, name))
      removeFolderIfThere(lockPath)
      owned.close()
    },
  }
}

async function take(path: string, ownPath: string, lockPath: string): Promise<void> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    for (const name of namesIn(lockPath)) {
      if (await isAnswered(join(lockPath, name))) throw inUse(path, name)
      removeIfThere(join(lockPath, name))
    }
    try {
      renameSync(ownPath, lockPath)
      return
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
    }
  }
  throw new CodedError('FOLDER_IN_USE', `${path} is being taken by another process`, { path })
}

function inUse(path: string, name: string): CodedError<'FOLDER_IN_USE'> {
  const pid = Number.parseInt(name, 36)
  return new CodedError('FOLDER_IN_USE', `${path} is in use by process ${pid}`, { path, pid })
}

function checkLength(path: string): void {
  const sizeBytes = Buffer.byteLength(join(path, 'lock', LONGEST_NAME))
  if (sizeBytes <= MAX_SOCKET_PATH_BYTES) return
  const most = MAX_SOCKET_PATH_BYTES - (sizeBytes - Buffer.byteLength(path))
  throw new CodedError(
    'SOCKET_PATH_TOO_LONG',
    `the path of a node's folder may have ${most} bytes, and ${path} has ${Buffer.byteLength(path)}`,
    { path, maxBytes: most },
  )
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    if (!statSync(path).isDirectory()) throw Object.assign(new Error(), { code: 'ENOTDIR' })
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const reason =
      code === 'EEXIST' || code === 'ENOTDIR' ? 'is not a folder' : `can't be made (${code})`
    throw new CodedError('FOLDER_UNUSABLE', `${path} ${reason}`, { path })
  }
}

/** Whoever connects learns what there is to learn by that. Does not keep the process alive. */
function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      // What goes wrong with a single connection is its own affair.
      server.on('error', () => undefined)
      server.unref()
      resolve(server)
    })
  })
}

/** What only a dead owner's socket, and what is no socket, says: nobody listens. */
const REFUSALS: ReadonlySet<string | undefined> = new Set(['ECONNREFUSED', 'ENOENT', 'ENOTSOCK'])

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(!REFUSALS.has(code)))
  })
}

function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** Another starter may have put its own socket there already. */
function removeFolderIfThere(path: string): void {
  try {
    rmdirSync(path)
  } catch {
    // An empty `lock/` that stays is as good as none.
  }
}
