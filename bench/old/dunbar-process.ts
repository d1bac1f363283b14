import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

/** The command, as a user runs it. */
const BIN = new URL('../../packages/cli/bin/dunbar.js', import.meta.url).pathname

/** Peers on this machine alone, and none unasked. */
const ALONE = {
  DUNBAR_HOST: '127.0.0.1',
  DUNBAR_PORT: '0',
  DUNBAR_LAN: 'false',
  DUNBAR_AUTOCONNECT: 'false',
}

export interface RunningNode {
  readonly path: string
  /** From the start of the process to its `ready` line, ms. */
  readonly readyMs: number
  /** Multiserver address. */
  readonly address: string
  /** Resident memory of the process, bytes. */
  residentBytes(): number
  /** The most that it was ever. */
  peakBytes(): number
  /** CPU of the process, all threads, ms; in steps of 10. */
  cpuMs(): number
  stop(): Promise<void>
}

/** Starts `dunbar start` in a process of its own. */
export async function startNode(
  path: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<RunningNode> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [BIN, 'start', '--path', path, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...ALONE, DUNBAR_LOG_LEVEL: 'warn', ...environment },
  })
  let address = ''
  for await (const line of createInterface({ input: child.stdout! })) {
    const ready = JSON.parse(line) as { readonly event: string; readonly address: string }
    if (ready.event !== 'ready') continue
    address = ready.address
    break
  }
  return {
    path,
    address,
    readyMs: performance.now() - startedAt,
    residentBytes: () => memoryBytes(child, 'VmRSS'),
    peakBytes: () => memoryBytes(child, 'VmHWM'),
    cpuMs: () => cpuMs(child),
    stop: () => stopped(child),
  }
}

async function stopped(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const [code] = await exited
  if (code !== 0) throw new Error(`the node ended with ${code}`)
}

function memoryBytes(child: ChildProcess, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024
}

/** Clock ticks a second, in which Linux counts. */
const TICKS = 100

function cpuMs(child: ChildProcess): number {
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8')
  // The name may hold spaces; what follows it does not.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS
}

/** Runs a command to its end and gives its JSON output. */
export async function runJson<Result>(...args: string[]): Promise<Result> {
  const { stdout } = await promisify(execFile)(process.execPath, [BIN, ...args, '--json'], {
    maxBuffer: 64 * 2 ** 20,
    env: { ...process.env, ...ALONE, DUNBAR_LOG_LEVEL: 'warn' },
  })
  return JSON.parse(stdout) as Result
}
