import type { Peer } from '@dunbar/wire'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  ASYNC_FLAGS,
  isEnd,
  type RawConnection,
  rawConnection,
  rawFrame,
  STREAM_FLAGS,
} from '../fixtures/raw-connection.js'
import {
  collect,
  generated,
  importLines,
  type RunningNode,
  runningNode,
} from '../fixtures/running-node.js'
import type { AtEnd } from '../fixtures/temporary-folder.js'

/** Calls that can't be answered. Existing clients compare the texts of some refusals literally. */

const { lines, all } = generated(5, 120)
const key = all[9]!.key

describe('a call', () => {
  let running: RunningNode
  let raw: RawConnection
  let peer: Peer
  beforeAll(async () => {
    const ends: (() => void | Promise<void>)[] = []
    const atEnd: AtEnd = (run) => ends.unshift(run)
    running = await runningNode({}, atEnd)
    peer = running.peer
    await importLines(peer, lines, atEnd)
    raw = await rawConnection(running.node.socketPath, atEnd)
    return async () => {
      for (const end of ends) await end()
    }
  })

  const refusal = async (body: unknown, flags?: number) => {
    const answer = await raw.ask(body, flags)
    expect(isEnd(answer)).toBe(true)
    expect(answer.body).toMatchObject({ name: 'Error', stack: '' })
    expect(Boolean(answer.flags & 8)).toBe(Boolean((flags ?? ASYNC_FLAGS) & 8))
    return (answer.body as { message: string }).message
  }

  test('of an unknown method is refused with the text that ssb-ebt and room clients compare', async () => {
    expect(await refusal({ name: ['ebt', 'replicateFormat'], args: [] })).toBe(
      'method:ebt,replicateFormat is not in list of allowed methods',
    )
    expect(
      await refusal({ name: ['ebt', 'replicate'], args: [{}], type: 'duplex' }, STREAM_FLAGS),
    ).toBe('method:ebt,replicate is not in list of allowed methods')
    expect(await refusal({ name: ['tunnel', 'isRoom'], args: [], type: 'async' })).toBe(
      'method:tunnel,isRoom is not in list of allowed methods',
    )
  })

  test('of the wrong type is refused with the text of muxrpc', async () => {
    expect(await refusal({ name: ['whoami'], args: [], type: 'source' }, STREAM_FLAGS)).toBe(
      'no source:whoami',
    )
    expect(await refusal({ name: ['createHistoryStream'], args: [] })).toBe(
      'no async:createHistoryStream',
    )
    expect(await refusal({ name: ['whoami'], args: [], type: 'other' }, STREAM_FLAGS)).toMatch(
      /^invalid request|^unsupported stream type/,
    )
  })

  test('without a name or without a list of arguments is refused', async () => {
    expect(await refusal({ name: ['whoami'], args: { 0: 1 } })).toBe(
      'invalid request, args should be array',
    )
    for (const body of [{}, [], 'whoami', 7, null, { name: 7, args: [] }, { name: [], args: [] }]) {
      expect(await refusal(body)).toMatch(/^invalid request/)
    }
  })

  test('by a bare name, as go clients ask for the manifest, is answered', async () => {
    const answer = await raw.ask({ name: 'manifest', args: [] })
    expect(isEnd(answer)).toBe(false)
    expect(answer.body).toEqual(await peer.call('manifest', []))
  })

  test('of a member of every object is refused as unknown', async () => {
    const names = [
      ['__proto__'],
      ['constructor'],
      ['toString'],
      ['hasOwnProperty'],
      ['tangle', '__proto__'],
      ['tangle', 'constructor'],
      ['constructor', 'prototype'],
      ['__proto__', 'whoami'],
      ['tangle'],
      ['whoami', 'call'],
    ]
    for (const name of names) {
      expect(await refusal({ name, args: [] })).toBe(
        `method:${name.join(',')} is not in list of allowed methods`,
      )
    }
  })

  const failing: readonly [string, readonly unknown[], RegExp][] = [
    ['get', [], /^get: id must be a message key/],
    ['get', ['nonsense'], /^get: id must be a message key/],
    ['get', [{ id: 7 }], /^get: id must be a message key/],
    ['get', [{ id: key, meta: 'perhaps' }], /^get: meta must be true or false/],
    ['get', [[key]], /^get: expected an object of options/],
    ['get', [`%${'A'.repeat(43)}=.sha256`], /not found/],
    ['getLatest', [], /^getLatest: id must be a feed id/],
    ['getLatest', [null], /^getLatest: id must be a feed id/],
    ['publish', [], /^publish: content must be an object/],
    ['publish', [[]], /^publish: content must be an object/],
    ['publish', [{}], /./],
    ['publish', [{ type: 'ab' }], /./],
    ['publish', [{ type: 7 }], /./],
    ['publish', ['no ciphertext'], /./],
    ['publish', [{ type: 'post', text: 'x'.repeat(9000) }], /./],
    ['publish', [{ type: 'post', recps: [] }], /^publish: recps must be/],
    ['publish', [{ type: 'post', recps: ['nobody'] }], /^publish: recps must be/],
    ['add', [], /^add: expected a message/],
    ['add', [{}], /^add: author must be a feed id/],
    ['add', [{ ...all[0]!.value, author: 7 }], /^add: author must be a feed id/],
    ['tangle.heads', [], /^tangle.heads: root must be a message key/],
    ['tangle.branch', [7], /^tangle.branch: expected an object of options/],
    ['feeds.status', [7], /^feeds.status: id must be a feed id/],
    ['feeds.names', [[7]], /^feeds.names: id must be a feed id/],
  ]
  test.each(failing)('%s with %j is refused in words', async (name, args, text) => {
    const error = await peer.call(name, args).then(
      () => null,
      (thrown) => thrown,
    )
    expect(error).toMatchObject({ code: 'REMOTE_ERROR', message: expect.stringMatching(text) })
    expect(error.message).not.toBe('internal error')
    expect(error.message.length).toBeLessThan(400)
  })

  const failingStreams: readonly [string, readonly unknown[], RegExp][] = [
    ['createLogStream', ['nonsense'], /^createLogStream: expected an object/],
    ['createLogStream', [{ limit: 'all' }], /^createLogStream: limit must be a number/],
    ['createLogStream', [{ gt: {} }], /^createLogStream: gt must be a number/],
    ['createLogStream', [{ live: 'later' }], /^createLogStream: live must be true or false/],
    ['createLogStream', [{ keys: false, values: false }], /makes no sense/],
    ['createUserStream', [{}], /^createUserStream: id must be a feed id/],
    ['createHistoryStream', [], /^createHistoryStream: id must be a feed id/],
    ['createHistoryStream', [{ id: '@x.ed25519' }], /^createHistoryStream: id must be a feed id/],
    ['messagesByType', [], /^messagesByType: type must be given/],
    ['messagesByType', [{ type: 7 }], /^messagesByType: type must be a string/],
    ['links', [{ dest: 7 }], /^links: dest must be a string/],
    ['links', [{ keys: false, values: false, meta: false }], /^links: set keys, values or meta/],
    ['tangle.read', [], /^tangle.read: root must be a message key/],
    ['tangle.read', [{ root: key, limit: 'x' }], /^tangle.read: limit must be a number/],
    ['node.import', [], /^node.import: file must be a path/],
    ['node.import', [{ file: 7 }], /^node.import: file must be a path/],
  ]
  test.each(failingStreams)('%s with %j ends its stream with words', async (name, args, text) => {
    const error = await collect(peer.source(name, args)).then(
      () => null,
      (thrown) => thrown,
    )
    expect(error).toMatchObject({ code: 'REMOTE_ERROR', message: expect.stringMatching(text) })
  })

  test('with __proto__ or constructor among its options is answered as if they were not there', async () => {
    const options = JSON.parse(
      `{"limit":2,"__proto__":{"reverse":true,"keys":false},"constructor":{"limit":1},"id":"${all[0]!.value.author}"}`,
    )
    expect(Object.keys(options)).toContain('__proto__')
    const plain = { limit: 2, id: all[0]!.value.author }
    for (const name of ['createLogStream', 'createUserStream', 'createHistoryStream']) {
      expect(await collect(peer.source(name, [options]))).toEqual(
        await collect(peer.source(name, [plain])),
      )
    }
    expect(await collect(peer.source('messagesByType', [{ type: '__proto__' }]))).toEqual([])
    expect(await collect(peer.source('messagesByType', [{ type: 'constructor' }]))).toEqual([])
    expect(await collect(peer.source('links', [{ rel: '__proto__' }]))).toEqual([])
    expect(await collect(peer.source('links', [{ rel: 'constructor', dest: key }]))).toEqual([])
    await expect(peer.call('get', [JSON.parse(`{"__proto__":{"id":"${key}"}}`)])).rejects.toThrow(
      'get: id must be a message key',
    )
    expect(({} as Record<string, unknown>).reverse).toBeUndefined()
  })

  test('after all of that is answered as before, and nothing was published', async () => {
    expect(await peer.call('get', [key])).toEqual(all[9]!.value)
    expect((await raw.ask({ name: ['whoami'], args: [] })).body).toEqual({ id: running.node.id })
    expect(await peer.call('getLatest', [running.node.id])).toBeNull()
    expect(await peer.call('status', [])).toMatchObject({ messages: all.length, quarantined: [] })
  })

  test('in bytes that are no frames ends that connection and no other', async () => {
    const garbage = [
      rawFrame(ASYNC_FLAGS, 1, '{"name":'),
      rawFrame(0x77, 1, '{}'),
      Buffer.concat([Buffer.from([2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1]), Buffer.alloc(100)]),
      rawFrame(ASYNC_FLAGS, 1, '['.repeat(1000)),
      Buffer.alloc(64, 0xff),
    ]
    for (const bytes of garbage) {
      const other = await rawConnection(running.node.socketPath)
      const closed = new Promise((resolve) => other.socket.once('close', resolve))
      other.socket.resume()
      other.socket.write(bytes)
      await closed
    }
    expect(await peer.call('whoami', [])).toEqual({ id: running.node.id })
  })
})
