import { stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Client } from '@dunbar/client'
import { Interrupted, Mistake } from './mistake.js'
import type { Output } from './output.js'

/** What every command gets. */
export interface CommandContext {
  /** The node's folder, absolute. */
  readonly path: string
  readonly isJson: boolean
  readonly output: Output
  /** Sentences for the person, beside the results. */
  readonly notes: Output
}

/** `--path`, else `$DUNBAR_PATH`, else `~/.dunbar`. */
export function nodePath(given: string | undefined): string {
  return resolve(given ?? (process.env.DUNBAR_PATH || join(homedir(), '.dunbar')))
}

/** A node that runs in this process. */
interface OwnNode {
  stop(): Promise<void>
}

/** How long to wait for another command that has the folder to open its socket or to go. */
const WAIT_FOR_FOLDER_MS = 3000
const WAIT_STEP_MS = 50

/** Reasons of a failed connection that say that no node is there; any other is a mistake worth telling. */
const NOBODY_THERE: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'ECONNREFUSED'])

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code

async function connectTo(path: string): Promise<Client | null> {
  const { connect } = await import('@dunbar/client')
  try {
    return await connect({ path })
  } catch (error) {
    const { data } = error as { data?: { reason?: unknown } }
    if (codeOf(error) === 'CONNECT_FAILED' && NOBODY_THERE.has(data?.reason)) return null
    throw error
  }
}

/** In the folder of every node that has started once. */
const FEEDS = 'feeds'

/** Resolves where a node has started once. @throws {Mistake} where there is nothing that a command which only reads could open */
export async function refuseMissing(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null
    throw new Mistake(`${path} can't be opened (${String(codeOf(error))})`)
  })
  if (found === null) {
    throw new Mistake(`there is no node in ${path}: "dunbar start" or "dunbar import" makes one`)
  }
  if (!found.isDirectory()) throw new Mistake(`${path} is a file, not the folder of a node`)
  if (!(await isThere(join(path, FEEDS)))) {
    throw new Mistake(
      `${path} is not the folder of a node: "dunbar start" or "dunbar import" makes one of it`,
    )
  }
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

/** A node that neither listens nor connects by itself; it may still be told to connect. */
export const OFFLINE = { listen: false, autoconnect: false, lan: false } as const

/** What goes wrong in it is told by the command's own sentence; the log is for whoever asks for it. */
async function startOwnNode(path: string, signal: AbortSignal): Promise<OwnNode> {
  const { startNode } = await import('@dunbar/node')
  const options = { path, signal, network: OFFLINE }
  return startNode(
    process.env.DUNBAR_LOG_LEVEL ? options : { ...options, logging: { level: 'silent' } },
  )
}

/** What a command needs of a folder. */
export interface NeededNode {
  /** Whether a missing folder is made; otherwise it is a mistake. Default false. */
  readonly mayCreate?: boolean
  /** Whether a node must run already; otherwise one is started. Default false. */
  readonly mustRun?: boolean
  /** What is told of a node that must run and does not: why it must, or what to do instead. */
  readonly hint?: string
}

/** The running node, or one of our own where none runs. */
async function open(
  path: string,
  { mayCreate = false, mustRun = false, hint }: NeededNode,
  signal: AbortSignal,
): Promise<{ client: Client; node: OwnNode | null }> {
  const deadline = performance.now() + WAIT_FOR_FOLDER_MS
  for (;;) {
    const client = await connectTo(path)
    if (client !== null) return { client, node: null }
    if (mustRun)
      throw new Mistake(`no node runs on ${path}${hint === undefined ? '' : `: ${hint}`}`)
    const { refuseForeign } = await import('@dunbar/node')
    refuseForeign(path)
    if (!mayCreate) await refuseMissing(path)
    let node: OwnNode
    try {
      node = await startOwnNode(path, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (codeOf(error) !== 'FOLDER_IN_USE' || performance.now() > deadline) throw error
      await new Promise((resume) => setTimeout(resume, WAIT_STEP_MS))
      continue
    }
    try {
      const { connect } = await import('@dunbar/client')
      return { client: await connect({ path }), node }
    } catch (error) {
      await node.stop()
      throw error
    }
  }
}

/**
 * Runs a command with a client of the node that runs on the folder. Where none runs, starts one in
 * this process under the folder's lock and stops it afterwards. A signal, or output that nobody
 * reads, ends the command and stops that node in order; a second signal ends the process at once.
 */
export async function withClient<Result>(
  { path, output }: CommandContext,
  needed: NeededNode,
  run: (client: Client) => Promise<Result>,
): Promise<Result> {
  const end = new AbortController()
  const ended = new Promise<never>((_resolve, reject) => {
    end.signal.addEventListener('abort', () => reject(end.signal.reason))
  })
  ended.catch(() => {})
  let hasSignal = false
  const onSignal = (signal: NodeJS.Signals) => {
    if (hasSignal) process.exit(1)
    hasSignal = true
    end.abort(new Interrupted(signal))
  }
  const onClosed = () => end.abort(output.closed.reason)
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  output.closed.addEventListener('abort', onClosed)
  try {
    const { client, node } = await open(path, needed, end.signal)
    try {
      const running = run(client)
      running.catch(() => {})
      return await Promise.race([running, ended])
    } finally {
      try {
        await client.close()
      } finally {
        await node?.stop()
      }
    }
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
    output.closed.removeEventListener('abort', onClosed)
  }
}
