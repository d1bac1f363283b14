import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Dataset } from '../dataset.js'
import { measuredProcess, type Placement, spawnNode } from '../process.js'
import {
  Cannot,
  type Load,
  type RunningSubject,
  type StartOptions,
  type Subject,
  type SubjectName,
} from './subject.js'

/** Types, from the commonest on, that a peer which has an index for each makes one for. */
const INDEXED_TYPES = 32

/** A peer of another make: `peers/NAME/peer.cjs` as a child process, asked over its channel. */
export class ForeignSubject implements Subject {
  readonly name: SubjectName
  readonly version: string
  readonly #program: string
  readonly #placement: Placement

  /** @param folder that of all peers */
  constructor(name: SubjectName, folder: string, placement: Placement) {
    this.name = name
    this.#program = join(folder, name, 'peer.cjs')
    this.version = [name, 'ssb-ebt']
      .map((each) => `${each} ${versionOf(each, this.#program)}`)
      .join(' with ')
    this.#placement = placement
  }

  async load({ file, messages, facts }: Dataset, path: string): Promise<Load> {
    const types = Object.keys(facts.countByType).slice(0, INDEXED_TYPES)
    // A network of its own: while it loads, it talks to nobody.
    const peer = await this.#spawn(path, { networkKey: randomBytes(32).toString('base64') })
    const load = await peer.ask<Load>('load', file, types)
    await peer.stop()
    if (load.messages !== messages) {
      throw new Error(`${this.name} took ${load.messages} of ${messages} messages`)
    }
    return load
  }

  async start(path: string, options: StartOptions = {}): Promise<RunningSubject> {
    const { child, id, address, readyMs, ask, stop } = await this.#spawn(path, options)
    return {
      name: this.name,
      path,
      id,
      address,
      readyMs,
      process: measuredProcess(child.pid!),
      publish: (content) => ask('publish', content),
      publishAll: (contents) => ask('publishAll', contents),
      ask: (query) => ask('ask', query),
      request: (ids) => ask('request', ids),
      connect: (to) => ask('connect', to),
      holdsInAll: (messages) => ask('holdsInAll', messages),
      holds: (feed, sequence) => ask('holds', feed, sequence),
      heads: (ids) => ask('heads', ids),
      stop,
    }
  }

  async #spawn(path: string, { networkKey, environment }: StartOptions) {
    mkdirSync(path, { recursive: true })
    const settings = { path, port: await freePort(), networkKey: networkKey ?? null }
    const startedAt = performance.now()
    const child = spawnNode(this.#program, [JSON.stringify(settings)], this.#placement, {
      // Some of its modules look for folders of the user's.
      env: { HOME: path, NODE_OPTIONS: '--no-deprecation', ...environment },
      hasChannel: true,
    })
    child.stdout!.resume()
    const { ready, ask } = channelOf(child)
    const { id, address } = await ready
    const readyMs = performance.now() - startedAt
    const stop = async () => {
      const exited = once(child, 'exit')
      await ask('close')
      await exited
    }
    return { child, id, address, readyMs, ask, stop }
  }
}

interface Ready {
  readonly id: string
  readonly address: string
}

type Said =
  | ({ readonly event: 'ready' } & Ready)
  | { readonly id: number; readonly cannot: string }
  | { readonly id: number; readonly error: string }
  | { readonly id: number; readonly value: unknown }

interface Channel {
  readonly ready: Promise<Ready>
  /** Runs an operation of `serve.cjs`. */
  ask<Value>(op: string, ...args: readonly unknown[]): Promise<Value>
}

/** Requests and answers; what is under way fails when the process ends. */
function channelOf(child: ChildProcess): Channel {
  const waiting = new Map<number, PromiseWithResolvers>()
  const ready = withResolvers()
  let lastId = 0
  child.on('message', (said: Said) => {
    if ('event' in said) return ready.resolve(said)
    const request = waiting.get(said.id)
    waiting.delete(said.id)
    if ('cannot' in said) request?.reject(new Cannot(said.cannot))
    else if ('error' in said) request?.reject(new Error(said.error))
    else request?.resolve(said.value)
  })
  child.once('exit', (code, signal) => {
    const ended = new Error(`the peer ended with ${code ?? signal}`)
    ready.reject(ended)
    for (const { reject } of waiting.values()) reject(ended)
  })
  return {
    ready: ready.promise as Promise<Ready>,
    ask: <Value>(op: string, ...args: readonly unknown[]) => {
      lastId += 1
      const request = withResolvers()
      waiting.set(lastId, request)
      child.send({ id: lastId, op, args })
      return request.promise as Promise<Value>
    },
  }
}

interface PromiseWithResolvers {
  readonly promise: Promise<unknown>
  resolve(value: unknown): void
  reject(error: Error): void
}

function withResolvers(): PromiseWithResolvers {
  let resolve!: PromiseWithResolvers['resolve']
  let reject!: PromiseWithResolvers['reject']
  const promise = new Promise((fulfil, fail) => {
    resolve = fulfil
    reject = fail
  })
  return { promise, resolve, reject }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** As it is installed for a program. */
function versionOf(name: string, program: string): string {
  const manifest = createRequire(program)(`${name}/package.json`) as { readonly version: string }
  return manifest.version
}
