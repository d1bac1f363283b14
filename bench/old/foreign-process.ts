import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The ssb-db2 stack of `test/interop`, there after `npm run test:interop`. */
const FOLDER = new URL('../../test/interop/', import.meta.url).pathname
const PROGRAM = join(FOLDER, 'peers/ssb-db2-stack/peer.cjs')

export const foreignPeersAreThere = (): boolean => existsSync(join(FOLDER, 'node_modules/ssb-db2'))

/** An ssb-db2 peer as a process of its own. */
export interface ForeignPeer {
  readonly id: string
  /** Base64. */
  readonly networkKey: string
  /** Runs an operation of `peer.cjs`. */
  ask<Value>(op: string, ...args: readonly unknown[]): Promise<Value>
  /** Ends the process and removes its folder. */
  stop(): void
}

export async function startForeignPeer(
  networkKey = randomBytes(32).toString('base64'),
): Promise<ForeignPeer> {
  const path = mkdtempSync(join(tmpdir(), 'dunbar-bench-peer-'))
  const keys = createRequire(PROGRAM)('ssb-keys').generate() as { readonly id: string }
  const settings = { path, keys, networkKey, port: await freePort(), isBare: true }
  const child = fork(PROGRAM, [JSON.stringify(settings)], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: { ...process.env, HOME: path, NODE_OPTIONS: '--no-deprecation' },
  })
  const ask = await answering(child)
  return {
    id: keys.id,
    networkKey,
    ask,
    stop: () => {
      child.kill('SIGKILL')
      rmSync(path, { recursive: true, force: true })
    },
  }
}

interface Answer {
  readonly id?: number
  readonly event?: 'ready'
  readonly value?: unknown
  readonly error?: string
}

/** Resolves, when the peer is up, with a function that asks it. */
function answering(child: ChildProcess): Promise<ForeignPeer['ask']> {
  const waiting = new Map<number, (answer: Answer) => void>()
  let lastId = 0
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error("the peer's process ended")))
    child.on('message', (answer: Answer) => {
      if (answer.event === 'ready') {
        resolve(
          (op, ...args) =>
            new Promise((fulfil, fail) => {
              lastId += 1
              waiting.set(lastId, ({ value, error }) => {
                if (error === undefined) fulfil(value as never)
                else fail(new Error(error))
              })
              child.send({ id: lastId, op, args })
            }),
        )
        return
      }
      waiting.get(answer.id!)?.(answer)
      waiting.delete(answer.id!)
    })
  })
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
