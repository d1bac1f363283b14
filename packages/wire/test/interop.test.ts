import { CodedError } from '@dunbar/core'
import pull from 'pull-stream'
import { describe, expect, it } from 'vitest'
import { connectUnix, type Method, RawBatch, RawJson } from '../src/index.js'
import { answer, foreignClient, foreignServer, pulled } from './foreign-peer.js'
import { collect, deferred, served, until } from './served.js'
import { temporarySocketPath } from './temp-folder.js'

const VALUES = [1, 'text', 'é😀', null, false, { a: [1, { b: '"' }] }, [], Buffer.from([0, 1, 255])]

const manifest = {
  echo: 'async',
  twice: 'sync',
  raw: 'async',
  fail: 'async',
  items: 'source',
  batch: 'source',
  broken: 'source',
  endless: 'source',
  take: 'sink',
  refuse: 'sink',
  talk: 'duplex',
  ns: { deep: { er: 'async' } },
  unknown: 'async',
  unknownStream: 'source',
  notASource: 'source',
}

function methods(taken: unknown[], left: () => void): Method[] {
  return [
    { name: 'echo', type: 'async', handler: async (args) => args },
    { name: 'twice', type: 'sync', handler: ([value]) => Number(value) * 2 },
    { name: 'raw', type: 'async', handler: () => new RawJson(Buffer.from('{"raw":true}')) },
    {
      name: 'fail',
      type: 'async',
      handler: () => {
        throw new CodedError('NOT_FOUND', 'no such thing')
      },
    },
    {
      name: 'items',
      type: 'source',
      async *handler() {
        yield* VALUES
      },
    },
    {
      name: 'batch',
      type: 'source',
      async *handler() {
        yield RawBatch.ofBodies(['1', '{"a":2}', '"three"'].map((text) => Buffer.from(text)))
        yield 4
      },
    },
    {
      name: 'broken',
      type: 'source',
      async *handler() {
        yield 1
        throw new CodedError('FEED_DAMAGED', 'damaged')
      },
    },
    {
      name: 'endless',
      type: 'source',
      async *handler() {
        try {
          for (let i = 0; ; i++) yield i
        } finally {
          left()
        }
      },
    },
    {
      name: 'take',
      type: 'sink',
      async handler(_args, { input }) {
        for await (const item of input) taken.push(item)
        taken.push('end')
      },
    },
    {
      name: 'refuse',
      type: 'sink',
      async handler() {
        throw new CodedError('TOO_LARGE', 'too large')
      },
    },
    {
      name: 'talk',
      type: 'duplex',
      async *handler(_args, { input }) {
        for await (const item of input) yield { heard: item }
      },
    },
    { name: 'ns.deep.er', type: 'async', handler: () => 'deeper' },
    { name: 'notASource', type: 'async', handler: () => 1 },
  ]
}

async function setting() {
  const taken: unknown[] = []
  const left = deferred<void>()
  const server = await served(methods(taken, () => left.resolve()))
  const rpc = await foreignClient(server.path, manifest)
  return { server, rpc, taken, left: left.promise }
}

describe('npm muxrpc as the client of our server', () => {
  it('gets answers of every kind', async () => {
    const { rpc } = await setting()
    expect(await rpc.echo(1, 'two', { three: [3] })).toEqual([1, 'two', { three: [3] }])
    expect(await rpc.twice(21)).toBe(42)
    expect(await rpc.raw()).toEqual({ raw: true })
    expect(await rpc.ns.deep.er()).toBe('deeper')
  })

  it('gets errors without a stack', async () => {
    const { rpc } = await setting()
    const error = await rpc.fail().catch((caught: unknown) => caught)
    expect(error).toEqual({
      name: 'CodedError',
      message: 'no such thing',
      stack: '',
      code: 'NOT_FOUND',
    })
  })

  it('gets the refusals that JS peers compare', async () => {
    const { rpc } = await setting()
    await expect(rpc.unknown()).rejects.toMatchObject({
      message: 'method:unknown is not in list of allowed methods',
    })
    await expect(pulled(rpc.unknownStream())).rejects.toMatchObject({
      message: 'method:unknownStream is not in list of allowed methods',
    })
    await expect(pulled(rpc.notASource())).rejects.toMatchObject({
      message: 'no source:notASource',
    })
  })

  it('gets items of every kind, and batches as single items', async () => {
    const { rpc } = await setting()
    expect(await pulled(rpc.items())).toEqual(VALUES)
    expect(await pulled(rpc.batch())).toEqual([1, { a: 2 }, 'three', 4])
  })

  it('gets what came before an error of a source', async () => {
    const { rpc } = await setting()
    const items: unknown[] = []
    const error = await answer((callback) =>
      pull(
        rpc.broken(),
        pull.drain((item: unknown) => items.push(item), callback),
      ),
    ).catch((caught: unknown) => caught)
    expect(items).toEqual([1])
    expect(error).toMatchObject({ message: 'damaged', code: 'FEED_DAMAGED' })
  })

  it('ends our iterator when it has had enough', async () => {
    const { rpc, left } = await setting()
    expect(await pulled(pull(rpc.endless(), pull.take(3)))).toEqual([0, 1, 2])
    await left
  })

  it('fills a sink', async () => {
    const { rpc, taken } = await setting()
    await answer((callback) => pull(pull.values(VALUES), rpc.take(callback)))
    await until(() => taken.at(-1) === 'end')
    expect(taken).toEqual([...VALUES, 'end'])
  })

  it('talks over a duplex', async () => {
    const { rpc } = await setting()
    const stream = rpc.talk()
    const heard: unknown[] = []
    let say: (end: unknown, item?: unknown) => void = () => {}
    const done = answer((callback) =>
      pull(
        stream,
        pull.drain((item: unknown) => {
          heard.push(item)
          if (heard.length === 2) return false
          return say(null, 'second')
        }, callback),
      ),
    )
    stream.sink((end: unknown, callback: typeof say) => {
      if (end) return callback(end)
      const isFirst = say.length === 0
      say = callback
      if (isFirst) callback(null, 'first')
    })
    await done
    expect(heard).toEqual([{ heard: 'first' }, { heard: 'second' }])
  })

  it('closes in order', async () => {
    const { rpc, server } = await setting()
    await rpc.twice(1)
    const [connection] = server.connections
    await answer((callback) => rpc.close(callback))
    expect(await connection!.closed).toBeNull()
  })
})

describe('our client of an npm muxrpc server', () => {
  it('calls, reads and fills', async () => {
    const path = temporarySocketPath()
    const taken = deferred<unknown[]>()
    await foreignServer(path, manifest, {
      echo: (...args: unknown[]) => {
        const callback = args.pop() as (error: unknown, value: unknown) => void
        callback(null, args)
      },
      twice: (value: number) => value * 2,
      fail: (callback: (error: unknown) => void) => callback(new Error('failed')),
      items: () => pull.values(VALUES),
      // muxrpc drains a source as fast as it gives, so this one gives one item a turn.
      endless: () => (abort: unknown, callback: (end: unknown, item?: number) => void) => {
        if (abort) callback(abort)
        else setImmediate(() => callback(null, 1))
      },
      take: () => pull.collect((_error: unknown, items: unknown[]) => taken.resolve(items)),
    })
    const peer = await connectUnix({ path })
    expect(await peer.call('echo', [1, { a: 2 }])).toEqual([1, { a: 2 }])
    expect(await peer.call('twice', [4])).toBe(8)
    await expect(peer.call('fail')).rejects.toMatchObject({
      code: 'REMOTE_ERROR',
      data: { message: 'failed' },
    })
    expect(await collect(peer.source('items'))).toEqual(VALUES)
    for await (const item of peer.source('endless')) {
      expect(typeof item).toBe('number')
      break
    }
    const sent = async function* () {
      yield* VALUES
    }
    await peer.sink('take', [], sent())
    expect(await taken.promise).toEqual(VALUES)
    expect(await peer.call('twice', [1])).toBe(2)
    await peer.close()
  })
})
