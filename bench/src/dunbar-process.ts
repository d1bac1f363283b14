import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

/** The command, as a user runs it. */
const BIN = new URL('../../packages/cli/bin/dunbar.js', import.meta.url).pathname

export interface RunningNode {
  readonly path: string
  /** From the start of the process to its `ready` line, ms. */
  readonly readyMs: number
  /** Resident memory of the process, bytes. */
  residentBytes(): number
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
    env: { ...process.env, DUNBAR_LOG_LEVEL: 'warn', ...environment },
  })
  for await (const line of createInterface({ input: child.stdout! })) {
    if (JSON.parse(line).event === 'ready') break
  }
  const readyMs = performance.now() - startedAt
  return { path, readyMs, residentBytes: () => residentBytes(child), stop: () => stopped(child) }
}

async function stopped(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const [code] = await exited
  if (code !== 0) throw new Error(`the node ended with ${code}`)
}

function residentBytes(child: ChildProcess): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024
}

/** Runs a command to its end and gives its JSON output. */
export async function runJson<Result>(...args: string[]): Promise<Result> {
  const { stdout } = await promisify(execFile)(process.execPath, [BIN, ...args, '--json'], {
    maxBuffer: 64 * 2 ** 20,
    env: { ...process.env, DUNBAR_LOG_LEVEL: 'warn' },
  })
  return JSON.parse(stdout) as Result
}
