import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import type { MeasuredProcess } from './subjects/subject.js'

/** Clock ticks a second, in which Linux counts. */
const TICKS = 100

/** @throws {Error} where there is no /proc, as on macOS */
export function measuredProcess(pid: number): MeasuredProcess {
  return {
    pid,
    residentBytes: () => memoryBytes(pid, 'VmRSS'),
    peakBytes: () => memoryBytes(pid, 'VmHWM'),
    cpuMs: () => cpuFieldsMs(pid, 11),
    fileHandles: () => readdirSync(`/proc/${pid}/fd`).length,
  }
}

function memoryBytes(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024
}

/** How every measured program is run. */
export interface Placement {
  /** Processors as taskset names them, "0,1"; all subjects get the same. Null: wherever the system likes. */
  readonly cores: string | null
  /** Flags for node: profiles. */
  readonly nodeFlags: readonly string[]
}

/** Starts a program of node's as its own process, on the cores of this run. */
export function spawnNode(
  program: string,
  args: readonly string[],
  { cores, nodeFlags }: Placement,
  options: { readonly env?: NodeJS.ProcessEnv; readonly hasChannel?: boolean } = {},
): ChildProcess {
  const command = [process.execPath, ...nodeFlags, program, ...args]
  if (cores !== null) command.unshift('taskset', '--cpu-list', cores)
  return spawn(command[0]!, command.slice(1), {
    stdio: ['ignore', 'pipe', 'inherit', ...(options.hasChannel ? (['ipc'] as const) : [])],
    env: { ...process.env, ...options.env },
  })
}

/** Asks a process to end and waits for it. @throws {Error} it ended with a code other than 0 */
export async function ended(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const [code] = await exited
  if (code !== 0) throw new Error(`process ${child.pid} ended with ${code}`)
}

/** User and system time of all children of this process that have ended, ms; in steps of 10. */
export const endedChildrenCpuMs = (): number => cpuFieldsMs('self', 13)

function cpuFieldsMs(pid: number | 'self', first: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name may hold spaces; what follows it does not.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[first]) + Number(fields[first + 1])) * 1000) / TICKS
}
