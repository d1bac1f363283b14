import { CodedError } from '@dunbar/core'
import { describe, expect, it } from 'vitest'
import { collect, connected, deferred, served, until } from './served.js'

describe('a sink', () => {
  it('settles when the handler does, with its outcome', async () => {
    const gate = deferred<void>()
    const server = await served([
      {
        name: 'slow',
        type: 'sink',
        async handler(_args, { input }) {
          await collect(input)
          await gate.promise
        },
      },
      {
        name: 'full',
        type: 'sink',
        async handler(_args, { input }) {
          await input.next()
          throw new CodedError('DISK_FULL', 'full')
        },
      },
      { name: 'enough', type: 'sink', handler: async (_args, { input }) => input.next() },
    ])
    const peer = await connected(server)
    const input = async function* () {
      yield 1
    }
    let isSettled = false
    const sending = peer.sink('slow', [], input()).then(() => {
      isSettled = true
    })
    await until(() => [...server.connections][0]!.stats.inboundStreams === 1)
    await peer.call('manifest')
    expect(isSettled).toBe(false)
    gate.resolve()
    await sending

    let isLeft = false
    const endless = async function* () {
      try {
        for (;;) yield 1
      } finally {
        isLeft = true
      }
    }
    await expect(peer.sink('full', [], endless())).rejects.toMatchObject({
      data: { code: 'DISK_FULL' },
    })
    expect(isLeft).toBe(true)
    await peer.sink('enough', [], endless())
    await until(() => [...server.connections][0]!.stats.inboundStreams === 0)
    expect(peer.stats.outboundStreams).toBe(0)
  })

  it('tells the handler when its input fails, and the caller why', async () => {
    const seen = deferred<unknown>()
    const server = await served([
      {
        name: 'take',
        type: 'sink',
        async handler(_args, { input }) {
          try {
            await collect(input)
          } catch (error) {
            seen.resolve(error)
          }
        },
      },
    ])
    const peer = await connected(server)
    const failing = async function* () {
      yield 1
      throw new RangeError('no more')
    }
    await expect(peer.sink('take', [], failing())).rejects.toBeInstanceOf(RangeError)
    expect(await seen.promise).toMatchObject({ code: 'REMOTE_ERROR' })
  })

  it('fails when the connection ends', async () => {
    const server = await served([
      { name: 'take', type: 'sink', handler: () => new Promise(() => {}) },
    ])
    const peer = await connected(server)
    const sending = peer.sink(
      'take',
      [],
      (async function* () {
        yield 1
      })(),
    )
    await until(() => [...server.connections][0]?.stats.inboundStreams === 1)
    await Promise.all([
      expect(sending).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' }),
      server.close(),
    ])
  })
})

describe('a duplex', () => {
  it('talks, and ends when either side does', async () => {
    const left = deferred<void>()
    const server = await served([
      {
        name: 'talk',
        type: 'duplex',
        async *handler(_args, { input }) {
          try {
            for await (const item of input) yield { heard: item }
          } finally {
            left.resolve()
          }
        },
      },
      {
        name: 'short',
        type: 'duplex',
        async *handler() {
          yield 'only'
        },
      },
    ])
    const peer = await connected(server)
    const words = deferred<void>()
    const input = async function* () {
      yield 'a'
      await words.promise
      yield 'b'
      await new Promise(() => {})
    }
    const heard: unknown[] = []
    for await (const item of peer.duplex('talk', [], input())) {
      heard.push(item)
      words.resolve()
      if (heard.length === 2) break
    }
    expect(heard).toEqual([{ heard: 'a' }, { heard: 'b' }])
    await left.promise
    const silent = async function* () {
      await new Promise(() => {})
    }
    expect(await collect(peer.duplex('short', [], silent()))).toEqual(['only'])
    await until(() => peer.stats.outboundStreams === 0)
  })
})
