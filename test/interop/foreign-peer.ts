import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type AtEnd, temporaryFolder } from '../fixtures/temporary-folder.js'

/** The makes of peers that dunbar must work with. */
export type PeerKind = 'ssb-db2 stack' | 'ssb-server' | 'ssb-server without EBT'

export const PEER_KINDS: readonly PeerKind[] = [
  'ssb-db2 stack',
  'ssb-server',
  'ssb-server without EBT',
]

/** A message as it is signed. */
export interface MessageValue {
  readonly previous: string | null
  readonly author: string
  readonly sequence: number
  readonly timestamp: number
  readonly hash: 'sha256'
  readonly content: unknown
  readonly signature: string
}

export interface ForeignPeer {
  readonly kind: PeerKind
  readonly id: string
  /** Multiserver address on loopback. */
  readonly address: string
  publish(content: object): Promise<{ readonly key: string; readonly value: MessageValue }>
  /** All messages of a feed that it holds. */
  feed(id: string): Promise<MessageValue[]>
  /** Resolves when it holds a feed up to this sequence. */
  holds(id: string, sequence: number): Promise<void>
  /** Takes a message of anybody's as from a peer. */
  add(value: MessageValue): Promise<void>
  clock(): Promise<Readonly<Record<string, number>>>
  connect(address: string): Promise<void>
  disconnect(id: string): Promise<void>
  createInvite(uses: number): Promise<string>
  acceptInvite(code: string): Promise<unknown>
  /** Ends the process; its folder stays. */
  close(): Promise<void>
}

export interface ForeignPeerOptions {
  /** `{ curve, id, public, private }` as in a secret file. */
  readonly keys: { readonly id: string }
  /** Base64. */
  readonly networkKey: string
  readonly port: number
  /** Default: a new folder. */
  readonly path?: string
  readonly hops?: number
}

/** Starts a peer of another make as a process of its own; it ends with the test at the latest. */
export async function startForeignPeer(
  kind: PeerKind,
  options: ForeignPeerOptions,
  atEnd: AtEnd = onTestFinished,
): Promise<ForeignPeer> {
  const path = options.path ?? join(temporaryFolder(atEnd), 'peer')
  mkdirSync(path, { recursive: true })
  const folder = kind === 'ssb-db2 stack' ? 'ssb-db2-stack' : 'ssb-server'
  const program = join(import.meta.dirname, 'peers', folder, 'peer.cjs')
  const settings = { ...options, path, hasEbt: kind !== 'ssb-server without EBT' }
  const child = fork(program, [JSON.stringify(settings)], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...process.env, HOME: path, NODE_OPTIONS: '--no-deprecation' },
  })
  const control = controlOf(child)
  atEnd(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  })
  await control.ready
  const ask = async <Value>(op: string, ...args: unknown[]) =>
    (await control.ask(op, args)) as Value
  return {
    kind,
    id: options.keys.id,
    address: await ask<string>('address'),
    publish: (content) => ask('publish', content),
    feed: (id) => ask('feed', id),
    holds: (id, sequence) => ask('holds', id, sequence),
    add: (value) => ask('add', value),
    clock: () => ask('clock'),
    connect: (address) => ask('connect', address),
    disconnect: (id) => ask('disconnect', id),
    createInvite: (uses) => ask('createInvite', uses),
    acceptInvite: (code) => ask('acceptInvite', code),
    close: async () => {
      const ended = once(child, 'exit')
      await ask('close')
      await ended
    },
  }
}

interface Control {
  readonly ready: Promise<void>
  ask(op: string, args: readonly unknown[]): Promise<unknown>
}

interface Answer {
  readonly id?: number
  readonly event?: 'ready'
  readonly value?: unknown
  readonly error?: string
}

/** Requests and answers over IPC; what is under way fails when the process ends. */
function controlOf(child: ChildProcess): Control {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let lastId = 0
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4096)
  })
  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', ({ id, event, value, error }: Answer) => {
      if (event === 'ready') return resolve()
      const request = waiting.get(id!)
      waiting.delete(id!)
      if (error === undefined) request?.resolve(value)
      else request?.reject(new Error(error))
    })
    child.once('exit', () => {
      const ended = new Error(`the peer's process ended: ${said}`)
      reject(ended)
      for (const { reject } of waiting.values()) reject(ended)
    })
  })
  return {
    ready,
    ask: (op, args) =>
      new Promise((resolve, reject) => {
        lastId += 1
        waiting.set(lastId, { resolve, reject })
        child.send({ id: lastId, op, args })
      }),
  }
}
