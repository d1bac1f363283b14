import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { CodedError } from '@dunbar/core'

/**
 * One node to a data folder. The file `lock` names the process that has it. Node has no `flock`, so
 * a lock left behind by a dead process is recognised by what it says: the process id is gone, or
 * belongs to a process that was started at another time (process ids are used again, and in a
 * container every node is process 1).
 *
 * Taking is `link` of a complete file to the name `lock`, which fails where the name exists: no
 * moment has a half-written lock. A stale one is first renamed to a name of our own and looked at
 * again; if another starter replaced it in between, that one is put back and wins.
 */
export interface FolderLock {
  release(): void
}

interface Holder {
  readonly pid: number
  /** Start time of the process in clock ticks since boot, and the boot; null where the system has no `/proc`. */
  readonly started: string | null
}

/**
 * Takes the folder for this process; makes it (mode 0700) where it is missing.
 * @throws {FOLDER_IN_USE} another running process has it; the text names the process
 * @throws {FOLDER_UNUSABLE} it is a file, or can't be made or written
 */
export function lockFolder(path: string): FolderLock {
  makeFolder(path)
  const lockPath = join(path, 'lock')
  const ownPath = join(path, `lock.${process.pid}`)
  const own: Holder = { pid: process.pid, started: startOf(process.pid) }
  writeOrRefuse(path, ownPath, `${JSON.stringify(own)}\n`)
  try {
    for (let attempt = 0; attempt < 8; attempt++) {
      if (link(ownPath, lockPath)) return { release: () => release(lockPath, own) }
      const holder = readHolder(lockPath)
      if (holder !== null && isRunning(holder)) {
        throw new CodedError('FOLDER_IN_USE', `${path} is in use by process ${holder.pid}`, {
          path,
          pid: holder.pid,
        })
      }
      discardStale(lockPath, `${ownPath}.stale`)
    }
    throw new CodedError('FOLDER_IN_USE', `${path} is being taken by another process`, { path })
  } finally {
    removeIfThere(ownPath)
  }
}

/** The process that has the folder at the moment, or null. */
export function lockHolder(path: string): number | null {
  const holder = readHolder(join(path, 'lock'))
  return holder !== null && isRunning(holder) ? holder.pid : null
}

function release(lockPath: string, own: Holder): void {
  const holder = readHolder(lockPath)
  if (holder?.pid === own.pid && holder.started === own.started) removeIfThere(lockPath)
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

function writeOrRefuse(path: string, file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: 0o600 })
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    throw new CodedError('FOLDER_UNUSABLE', `${path} can't be written (${code})`, { path })
  }
}

function link(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function discardStale(lockPath: string, asidePath: string): void {
  try {
    renameSync(lockPath, asidePath)
  } catch {
    return
  }
  const holder = readHolder(asidePath)
  if (holder !== null && isRunning(holder)) link(asidePath, lockPath)
  removeIfThere(asidePath)
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

function readHolder(path: string): Holder | null {
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8')) as Holder
    return Number.isSafeInteger(holder.pid) && holder.pid > 0 ? holder : null
  } catch {
    return null
  }
}

function isRunning(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  const started = startOf(holder.pid)
  return holder.started === null || started === null || holder.started === started
}

/** Field 22 of `/proc/<pid>/stat` and the boot's id. @source proc(5) */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    return `${boot}:${ticks}`
  } catch {
    return null
  }
}
