import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CodedError } from '@dunbar/core'
import { type Method, methodTable, RawBatch, serveUnixSocket } from '@dunbar/wire'
import { onTestFinished } from 'vitest'
import type { Message } from '../src/index.js'

type Content = { readonly root?: string; readonly branch?: readonly string[] } & object

/** A node that keeps its messages in memory and signs nothing; all of its socket is real. */
export class MemoryNode {
  readonly path: string
  readonly messages: Message<Content>[] = []
  readonly seenOptions: unknown[] = []
  leftCount = 0
  #wake = new Set<() => void>()

  private constructor(path: string) {
    this.path = path
  }

  static async start(more: readonly Method[] = []): Promise<MemoryNode> {
    const path = mkdtempSync(join(tmpdir(), 'dunbar-client-'))
    const node = new MemoryNode(path)
    const server = await serveUnixSocket({
      path: join(path, 'socket'),
      methods: methodTable([...node.#methods(), ...more]),
    })
    onTestFinished(async () => {
      await server.close()
      rmSync(path, { recursive: true, force: true })
    })
    return node
  }

  #methods(): Method[] {
    return [
      { name: 'whoami', type: 'sync', handler: () => ({ id: '@me.ed25519' }) },
      { name: 'publish', type: 'async', handler: ([content]) => this.#publish(content as Content) },
      { name: 'get', type: 'async', handler: ([key]) => this.#get(key) },
      { name: 'tangle.branch', type: 'async', handler: ([root]) => this.#heads(root) },
      {
        name: 'tangle.read',
        type: 'source',
        handler: ([options], { signal }) => {
          const { root } = options as { root: string }
          return this.#stream(options, signal, (message) => {
            return message.key === root || message.value.content.root === root
          })
        },
      },
      ...['createLogStream', 'createUserStream', 'messagesByType'].map(
        (name): Method => ({
          name,
          type: 'source',
          handler: ([options], { signal }) => this.#stream(options, signal, () => true),
        }),
      ),
    ]
  }

  #publish(content: Content): Message<Content> {
    const sequence = this.messages.length + 1
    const message = {
      key: `%${sequence}`,
      value: { sequence, author: '@me.ed25519', content },
      timestamp: sequence,
    } as unknown as Message<Content>
    this.messages.push(message)
    for (const wake of this.#wake) wake()
    return message
  }

  #get(given: unknown): unknown {
    const { id, meta } =
      typeof given === 'string'
        ? { id: given, meta: false }
        : (given as { id: string; meta: boolean })
    const message = this.messages.find(({ key }) => key === id)
    if (message === undefined) throw new CodedError('NOT_FOUND', 'no such message')
    return meta ? message : message.value
  }

  #heads(root: unknown): string[] {
    const thread = this.messages.filter(
      ({ key, value }) => key === root || value.content.root === root,
    )
    const named = new Set(thread.flatMap(({ value }) => value.content.branch ?? []))
    return thread.map(({ key }) => key).filter((key) => !named.has(key))
  }

  async *#stream(
    options: unknown,
    signal: AbortSignal,
    wanted: (message: Message<Content>) => boolean,
  ): AsyncGenerator<unknown> {
    this.seenOptions.push(options)
    const { live = false, limit = -1 } = (options ?? {}) as { live?: boolean; limit?: number }
    const stored = this.messages.filter(wanted).slice(0, limit < 0 ? undefined : limit)
    let at = this.messages.length
    yield RawBatch.ofBodies(stored.map((message) => Buffer.from(JSON.stringify(message))))
    if (!live) return
    yield { sync: true }
    try {
      while (!signal.aborted) {
        for (; at < this.messages.length; at++) {
          const message = this.messages[at]!
          if (wanted(message)) yield message
        }
        await new Promise<void>((resolve) => {
          this.#wake.add(resolve)
          signal.addEventListener('abort', () => resolve())
        })
      }
    } finally {
      this.leftCount++
    }
  }
}
