import { CodedError } from '@dunbar/core'
import { describe, expect, it } from 'vitest'
import { type Method, RawBatch, RawJson, SERVER_LIMITS } from '../src/index.js'
import { collect, connected, deferred, served, until } from './served.js'

const KIB = 1024

/** Gives numbered items of about a KiB, and counts what was asked of it. */
function counted(name: string, total: number) {
  const state = { given: 0, isLeft: false, isAborted: false }
  const method: Method = {
    name,
    type: 'source',
    async *handler(_args, { signal }) {
      signal.addEventListener('abort', () => {
        state.isAborted = true
      })
      try {
        for (; state.given < total; state.given++) {
          yield { number: state.given, text: 'x'.repeat(KIB) }
        }
      } finally {
        state.isLeft = true
      }
    },
  }
  return { method, state }
}

describe('a call', () => {
  it('gives values, raw bytes and coded errors', async () => {
    const server = await served([
      { name: 'value', type: 'async', handler: async ([a, b]) => ({ a, b }) },
      { name: 'raw', type: 'sync', handler: () => new RawJson(Buffer.from('[ 1,2 ]')) },
      { name: 'nothing', type: 'sync', handler: () => {} },
      { name: 'empty', type: 'sync', handler: () => '' },
      { name: 'bytes', type: 'sync', handler: () => new Uint8Array([1, 2]) },
      { name: 'cycle', type: 'sync', handler: () => 1n },
      {
        name: 'coded',
        type: 'async',
        handler: async () => Promise.reject(new CodedError('FEED_FORKED', 'forked')),
      },
      {
        name: 'bug',
        type: 'async',
        handler: () => {
          throw new Error('secret detail')
        },
      },
    ])
    const peer = await connected(server)
    expect(await peer.call('value', [1, null])).toEqual({ a: 1, b: null })
    expect(await peer.call('raw')).toEqual([1, 2])
    expect(Buffer.from(await peer.callRaw('raw')).toString()).toBe('[ 1,2 ]')
    expect(await peer.call('nothing')).toBe(false)
    expect(await peer.call('empty')).toBe('')
    expect(await peer.call('bytes')).toEqual(Buffer.from([1, 2]))
    await expect(peer.call('cycle')).rejects.toMatchObject({ data: { code: 'UNSENDABLE' } })
    await expect(peer.call('coded')).rejects.toMatchObject({
      code: 'REMOTE_ERROR',
      data: { message: 'forked', code: 'FEED_FORKED' },
    })
    await expect(peer.call('bug')).rejects.toMatchObject({ data: { message: 'internal error' } })
    await expect(peer.call('value', [1n])).rejects.toMatchObject({ code: 'UNSENDABLE' })
    expect(await peer.call('value', [1])).toEqual({ a: 1 })
  })

  it('is told apart from a thousand others that are under way', async () => {
    const server = await served([
      { name: 'echo', type: 'async', handler: async ([value]) => value },
    ])
    const peer = await connected(server)
    const numbers = Array.from({ length: 3000 }, (_, number) => number)
    const answers = await Promise.all(numbers.map((number) => peer.call('echo', [number])))
    expect(answers).toEqual(numbers)
  })

  it('fails when the connection ends before its answer', async () => {
    const server = await served([
      { name: 'never', type: 'async', handler: () => new Promise(() => {}) },
    ])
    const peer = await connected(server)
    const answer = peer.call('never')
    await until(() => [...server.connections][0]?.stats.pendingCalls === 1)
    await Promise.all([
      expect(answer).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' }),
      server.close(),
    ])
    expect(await peer.closed).toBeNull()
    await expect(peer.call('never')).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' })
    expect(() => peer.source('never')).toThrow(
      expect.objectContaining({ code: 'CONNECTION_CLOSED' }),
    )
  })
})

describe('a source', () => {
  it('gives all items, one by one, in batches, and as bytes', async () => {
    const texts = ['1', '{"a":"é"}', 'null', '"x"']
    const server = await served([
      {
        name: 'log',
        type: 'source',
        async *handler() {
          for (let i = 0; i < 500; i++) {
            yield RawBatch.ofBodies(texts.map((text) => Buffer.from(text)))
            yield i
          }
        },
      },
    ])
    const peer = await connected(server)
    const expected = Array.from({ length: 500 }, (_, i) => [1, { a: 'é' }, null, 'x', i]).flat()
    expect(await collect(peer.source('log'))).toEqual(expected)
    expect((await collect(peer.sourceBatches('log'))).flat()).toEqual(expected)
    const lines = (await collect(peer.rawSource('log'))).map((batch) => batch.lines().toString())
    expect(lines.join('')).toBe(expected.map((item) => `${JSON.stringify(item)}\n`).join(''))
  })

  it('throws its error behind the items that came before it', async () => {
    const server = await served([
      {
        name: 'broken',
        type: 'source',
        async *handler() {
          yield 1
          yield 2
          throw new CodedError('FEED_DAMAGED', 'damaged')
        },
      },
      {
        name: 'unsendable',
        type: 'source',
        async *handler() {
          yield 1n
        },
      },
      { name: 'noIterable', type: 'source', handler: () => 5 },
    ])
    const peer = await connected(server)
    const items: unknown[] = []
    const reading = (async () => {
      for await (const item of peer.source('broken')) items.push(item)
    })()
    await expect(reading).rejects.toMatchObject({ data: { code: 'FEED_DAMAGED' } })
    expect(items).toEqual([1, 2])
    await expect(collect(peer.source('unsendable'))).rejects.toMatchObject({
      data: { code: 'UNSENDABLE' },
    })
    await expect(collect(peer.source('noIterable'))).rejects.toMatchObject({
      data: { message: 'internal error' },
    })
  })

  it('is left at the server when the loop is left', async () => {
    const { method, state } = counted('log', Number.POSITIVE_INFINITY)
    const server = await served([method])
    const peer = await connected(server)
    for await (const item of peer.source('log')) {
      expect(item).toMatchObject({ number: 0 })
      break
    }
    await until(() => state.isLeft)
    expect(state.isAborted).toBe(true)
    await until(() => [...server.connections][0]?.stats.inboundStreams === 0)
    await until(() => peer.stats.outboundStreams === 0)
    expect(peer.stats.queuedBytes).toBe(0)
  })

  it('ends like a finished one when its signal aborts, on both sides', async () => {
    const left = deferred<void>()
    const server = await served([
      {
        name: 'live',
        type: 'source',
        async *handler(_args, { signal }) {
          yield 'first'
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
          left.resolve()
        },
      },
    ])
    const peer = await connected(server)
    const controller = new AbortController()
    const items: unknown[] = []
    for await (const item of peer.source('live', [], { signal: controller.signal })) {
      items.push(item)
      controller.abort()
    }
    expect(items).toEqual(['first'])
    await left.promise
    expect(await collect(peer.source('live', [], { signal: AbortSignal.abort() }))).toEqual([])
  })

  it('is left when the client vanishes, even while the handler waits', async () => {
    const isWaiting = deferred<void>()
    const left = deferred<void>()
    const server = await served([
      {
        name: 'live',
        type: 'source',
        handler: (_args, { signal }) => ({
          [Symbol.asyncIterator]: () => ({
            next: () => {
              isWaiting.resolve()
              return new Promise<IteratorResult<unknown>>(() => {})
            },
            return: async () => {
              expect(signal.aborted).toBe(true)
              left.resolve()
              return { done: true, value: undefined }
            },
          }),
        }),
      },
    ])
    const peer = await connected(server)
    peer.source('live')
    await isWaiting.promise
    const [connection] = server.connections
    await peer.close()
    await left.promise
    await connection!.closed
    expect(server.connections.size).toBe(0)
  })
})

describe('back-pressure', () => {
  it('asks a source for no more than the window that its reader has not taken', async () => {
    const { method, state } = counted('log', 50_000)
    const server = await served([method, { name: 'ping', type: 'sync', handler: () => 'pong' }])
    const peer = await connected(server, { sourceWindowBytes: 64 * KIB })
    const items = peer.source('log')
    await items.next()
    for (let i = 0; i < 50; i++) expect(await peer.call('ping')).toBe('pong')
    // One window in the reader's hands, and one behind it.
    expect(state.given).toBeLessThan(150)
    let count = 1
    for await (const _item of items) if (++count === 500) break
    expect(state.given).toBeGreaterThanOrEqual(499)
    expect(state.given).toBeLessThan(700)
  })

  it('lets calls through while a loop over a long stream makes them', async () => {
    const { method } = counted('log', 5_000)
    const server = await served([method, { name: 'ping', type: 'sync', handler: () => 'pong' }])
    const peer = await connected(server)
    let count = 0
    for await (const _item of peer.source('log')) {
      if (count++ % 100 === 0) expect(await peer.call('ping')).toBe('pong')
      expect(peer.stats.queuedBytes).toBeLessThan(2048 * KIB)
    }
    expect(count).toBe(5_000)
  })

  it('stops reading the socket where the other side knows no credit', async () => {
    const { method, state } = counted('log', 50_000)
    const server = await served([method])
    const peer = await connected(server, { sourceWindowBytes: null })
    const items = peer.source('log')
    await items.next()
    await until(() => peer.stats.queuedBytes >= SERVER_LIMITS.queuedBytes)
    const [connection] = server.connections
    await until(() => (connection?.stats.unsentBytes ?? 0) >= SERVER_LIMITS.unsentStreamBytes)
    // One queue, one stream's unsent bytes, and what sockets and chunks hold on both sides.
    expect(state.given).toBeLessThan(4_000)
    let count = 1
    for await (const _item of items) count++
    expect(count).toBe(50_000)
  })

  it('asks a sink’s input for no more than the handler takes', async () => {
    const begin = deferred<void>()
    let taken = 0
    const server = await served([
      {
        name: 'take',
        type: 'sink',
        async handler(_args, { input }) {
          await begin.promise
          for await (const _item of input) taken++
        },
      },
    ])
    const peer = await connected(server)
    let given = 0
    const input = async function* () {
      for (; given < 20_000; given++) yield Buffer.alloc(KIB, 1)
    }
    const sending = peer.sink('take', [], input())
    await until(() => peer.stats.unsentBytes >= SERVER_LIMITS.unsentStreamBytes)
    expect([...server.connections][0]?.stats.queuedBytes).toBeLessThan(2048 * KIB)
    expect(given).toBeLessThan(4_000)
    begin.resolve()
    await sending
    expect(taken).toBe(20_000)
  })
})

describe('limits of the caller', () => {
  it('refuses a stream beyond those that may be open', async () => {
    const { method } = counted('log', Number.POSITIVE_INFINITY)
    const server = await served([method])
    const peer = await connected(server, {
      limits: { outboundStreams: 2 },
      sourceWindowBytes: 4 * KIB,
    })
    peer.source('log')
    const second = peer.source('log')
    expect(() => peer.source('log')).toThrow(expect.objectContaining({ code: 'TOO_MANY_STREAMS' }))
    await second.next()
    await second.return?.()
    await until(() => peer.stats.outboundStreams === 1)
    expect(await peer.source('log').next()).toMatchObject({ done: false })
  })
})
