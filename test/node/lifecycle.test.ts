import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import type { Logger } from '@dunbar/actor'
import { connect } from '@dunbar/client'
import { loadSecret } from '@dunbar/core'
import { startNode } from '@dunbar/node'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { startNodeProgram, startProgram } from '../fixtures/program.js'
import {
  ALONE,
  generated,
  importFile,
  importLines,
  runningNode,
  silent,
} from '../fixtures/running-node.js'
import { temporaryFolder } from '../fixtures/temporary-folder.js'

const lockPids = (path: string) =>
  readdirSync(join(path, 'lock')).map((name) => Number.parseInt(name, 36))

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)

describe('a node', () => {
  test('makes its folder, secret, socket and manifest for the owner alone', async () => {
    const { path, node, peer } = await runningNode()
    expect(modeOf(path)).toBe('700')
    expect(modeOf(join(path, 'secret'))).toBe('400')
    expect(modeOf(join(path, 'socket'))).toBe('600')
    expect(loadSecret(join(path, 'secret')).id).toBe(node.id)
    const manifest = JSON.parse(readFileSync(join(path, 'manifest.json'), 'utf8'))
    expect(manifest).toEqual(await peer.call('manifest', []))
    expect(manifest).toMatchObject({ whoami: 'sync', tangle: { read: 'source' } })
  })

  test('leaves no lock and no socket behind, and starts again with the same identity', async () => {
    const path = join(temporaryFolder(), 'node')
    const first = await startNode({ path, shards: 2, logger: silent, network: ALONE })
    const secret = readFileSync(join(path, 'secret'))
    await first.stop()
    await first.stop()
    expect(readdirSync(path).filter((name) => /lock|socket|partial|tmp/.test(name))).toEqual([])
    const second = await startNode({ path, shards: 3, logger: silent, network: ALONE })
    expect(second.id).toBe(first.id)
    await second.stop()
    expect(readFileSync(join(path, 'secret')).equals(secret)).toBe(true)
  })

  test('gives its folder back when its threads do not end in order, and tells it in the log', async () => {
    const path = join(temporaryFolder(), 'node')
    const told: string[] = []
    const logger: Logger = { log: (level, _room, text) => void told.push(`${level}: ${text}`) }
    const node = await startNode({ path, shards: 2, logger, network: ALONE })
    const endThreads = node.kernel.stop.bind(node.kernel)
    vi.spyOn(node.kernel, 'stop').mockImplementation(async () => {
      await endThreads()
      throw new Error('a thread was gone')
    })
    await node.stop()
    expect(existsSync(join(path, 'lock'))).toBe(false)
    expect(told).toContain('error: the threads did not end in order')
    expect(told.at(-1)).toBe('info: stopped')
  })

  test('keeps everything when it starts with another number of shards', async () => {
    const { lines, all } = generated(9, 200)
    const { path, node, peer } = await runningNode()
    await importLines(peer, lines)
    await peer.close()
    await node.stop()
    const other = await runningNode({ path, shards: 5 })
    expect(await other.peer.call('status', [])).toMatchObject({ messages: all.length, feeds: 9 })
    expect(await other.peer.call('get', [all[7]!.key])).toEqual(all[7]!.value)
  })

  test('refuses a folder that a node in the same process has', async () => {
    const { path } = await runningNode()
    await expect(startNode({ path, logger: silent, network: ALONE })).rejects.toMatchObject({
      code: 'FOLDER_IN_USE',
      message: `${path} is in use by process ${process.pid}`,
    })
    const peer = await connect({ path })
    expect(await peer.whoami()).toEqual({ id: expect.any(String) })
    await peer.close()
  })

  test('takes the lock of a dead process, whatever stands in it', async () => {
    const path = join(temporaryFolder(), 'node')
    await (await startNode({ path, shards: 1, logger: silent, network: ALONE })).stop()
    for (const left of [[], ['no socket'], [`${process.pid.toString(36)}.000000`, '1.zzzzzz']]) {
      mkdirSync(join(path, 'lock'))
      for (const name of left) writeFileSync(join(path, 'lock', name), '')
      const node = await startNode({ path, shards: 1, logger: silent, network: ALONE })
      expect(lockPids(path)).toEqual([process.pid])
      await node.stop()
    }
  })

  test('refuses the folder of ssb-server or ssb-db2 and leaves it as it is', async () => {
    for (const name of ['flume', 'db2']) {
      const path = temporaryFolder()
      mkdirSync(join(path, name))
      await expect(startNode({ path, logger: silent, network: ALONE })).rejects.toMatchObject({
        code: 'FOLDER_FOREIGN',
        data: { path },
      })
      expect(readdirSync(path)).toEqual([name])
    }
  })

  test('of several that start on one folder at once, one gets it', async () => {
    const path = join(temporaryFolder(), 'node')
    const started = await Promise.allSettled(
      Array.from({ length: 4 }, () =>
        startNode({ path, shards: 1, logger: silent, network: ALONE }),
      ),
    )
    const nodes = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    for (const node of nodes) await node.stop()
    expect(nodes).toHaveLength(1)
    const reasons = started.flatMap((each) =>
      each.status === 'rejected' ? [each.reason.code] : [],
    )
    expect(reasons).toEqual(['FOLDER_IN_USE', 'FOLDER_IN_USE', 'FOLDER_IN_USE'])
  })
})

describe('a node as a process', () => {
  test('flushes and exits with 0 on SIGTERM, with a client in the middle of a stream', async () => {
    const path = join(temporaryFolder(), 'node')
    const { lines, all } = generated(5, 200)
    const program = await startNodeProgram(path)
    expect(program.ready).toEqual({
      event: 'ready',
      id: loadSecret(join(path, 'secret')).id,
      path,
      socket: join(path, 'socket'),
      address: expect.stringMatching(/^net:127\.0\.0\.1:\d+~shs:/),
    })
    const client = await connect({ path })
    expect(await importLines(client.peer, lines)).toMatchObject({ added: all.length })
    const published = await client.publish({ type: 'post', text: 'before the end' })
    const live = client.createLogStream({ live: true, old: false })
    const first = live.next()
    await client.publish({ type: 'post', text: 'still open' })
    await first
    expect(await program.kill('SIGTERM')).toEqual({ exitCode: 0, signal: null })
    await client.close()
    expect(existsSync(join(path, 'lock'))).toBe(false)
    expect(existsSync(join(path, 'socket'))).toBe(false)
    const again = await runningNode({ path })
    expect(await again.peer.call('get', [published.key])).toEqual(published.value)
    expect(await again.peer.call('status', [])).toMatchObject({ messages: all.length + 2 })
  })

  test('exits with 0 on SIGINT too', async () => {
    const program = await startNodeProgram(join(temporaryFolder(), 'node'))
    expect(await program.kill('SIGINT')).toEqual({ exitCode: 0, signal: null })
  })

  test('that was killed leaves a lock and a socket, which the next one takes over', async () => {
    const path = join(temporaryFolder(), 'node')
    const killed = await startNodeProgram(path)
    await killed.kill('SIGKILL')
    expect(existsSync(join(path, 'lock'))).toBe(true)
    expect(existsSync(join(path, 'socket'))).toBe(true)
    const next = await startNodeProgram(path)
    expect(next.ready.id).toBe(killed.ready.id)
    expect(lockPids(path)).toEqual([next.pid])
    await next.kill('SIGTERM')
  })

  test('ends when its reader has gone away, or goes on without one', async () => {
    const path = join(temporaryFolder(), 'node')
    const program = startProgram(['start', '--path', path, '--json'])
    const { value } = await program.lines.next()
    program.child.stdout!.destroy()
    const { socket } = JSON.parse(value)
    const connection = createConnection(socket)
    onTestFinished(() => void connection.destroy())
    await new Promise((resolve) => connection.once('connect', resolve))
    expect(await program.kill('SIGTERM')).toEqual({ exitCode: 0, signal: null })
  })
})

test('an import that names a file which is not there is refused, and the node goes on', async () => {
  const { peer, path } = await runningNode()
  await expect(importFile(peer, join(path, 'nothing'))).rejects.toMatchObject({
    code: 'REMOTE_ERROR',
    data: { code: 'SOURCE_MISSING' },
  })
  expect(await peer.call('status', [])).toMatchObject({ messages: 0 })
})

describe('a start that is broken off', () => {
  test('makes nothing, or ends what stands and gives the folder back', async () => {
    const path = join(temporaryFolder(), 'node')
    const early = AbortSignal.abort()
    const isAborted = expect.objectContaining({ code: 'START_ABORTED' })
    await expect(
      startNode({ path, logger: silent, signal: early, network: ALONE }),
    ).rejects.toEqual(isAborted)
    expect(existsSync(path)).toBe(false)
    const told: string[] = []
    const abort = new AbortController()
    const logger: Logger = { log: (level, _room, text) => void told.push(`${level}: ${text}`) }
    const starting = startNode({ path, shards: 2, logger, signal: abort.signal, network: ALONE })
    const rejected = expect(starting).rejects.toEqual(isAborted)
    while (!existsSync(join(path, 'secret'))) await new Promise((resume) => setImmediate(resume))
    abort.abort()
    await rejected
    expect(told).toEqual([])
    expect(existsSync(join(path, 'lock'))).toBe(false)
    expect(existsSync(join(path, 'socket'))).toBe(false)
    const node = await startNode({
      path,
      shards: 2,
      logger: silent,
      signal: new AbortController().signal,
      network: ALONE,
    })
    await node.stop()
  })

  test.each([
    ['start', 'SIGINT', 0],
    ['start', 'SIGTERM', 0],
    ['verify', 'SIGINT', 130],
    ['verify', 'SIGTERM', 143],
  ] as const)('by %s and %s ends the process in order', async (command, signal, exitCode) => {
    const path = join(temporaryFolder(), 'node')
    // A folder that takes long to look through.
    for (let prefix = 0; prefix < 256; prefix++) {
      for (let rest = 0; rest < 40; rest++) {
        const hex = `${rest}`.padStart(62, '0')
        mkdirSync(join(path, 'feeds', prefix.toString(16).padStart(2, '0'), hex), {
          recursive: true,
        })
      }
    }
    const program = startProgram([command, '--path', path, '--json'])
    while (!existsSync(join(path, 'lock'))) await new Promise((resume) => setImmediate(resume))
    expect(await program.kill(signal)).toEqual({ exitCode, signal: null })
    expect((await program.lines.next()).done).toBe(true)
    expect(existsSync(join(path, 'lock'))).toBe(false)
  })
})
