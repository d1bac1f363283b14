import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from '@dunbar/client'
import { connectUnix, type Peer } from '@dunbar/wire'
import { describe, expect, onTestFinished, test } from 'vitest'
import { dunbarJson, startNodeProgram } from '../fixtures/program.js'
import { collect, generated, importFile, type Kvt } from '../fixtures/running-node.js'
import { canMount, smallDisk } from '../fixtures/small-disk.js'
import { temporaryFolder } from '../fixtures/temporary-folder.js'

/** A disk that has no room for what should be stored. */

const { lines, all } = generated(10, 600)
const asText = (some: readonly string[]) => some.map((line) => `${line}\n`).join('')
const keysOf = (messages: readonly Kvt[]) => new Set(messages.map(({ key }) => key))

async function refusal(asked: Promise<unknown>): Promise<{ message: string; code: unknown }> {
  const error = await asked.then(
    () => null,
    (thrown) => thrown,
  )
  expect(error).toMatchObject({ code: 'REMOTE_ERROR' })
  return { message: error.message, code: error.data.code }
}

const publish = (peer: Peer, text: string) =>
  peer.call('publish', [{ type: 'post', text }]) as Promise<Kvt>

describe.runIf(canMount())('on a full disk', () => {
  test('a node refuses what it has no room for, goes on with reads, and takes it when there is room again', async () => {
    const disk = await smallDisk(2 * 2 ** 20)
    const path = join(disk.path, 'node')
    const folder = temporaryFolder()
    const some = join(folder, 'some.jsonl')
    const everything = join(folder, 'everything.jsonl')
    writeFileSync(some, asText(lines.slice(0, 200)))
    writeFileSync(everything, asText(lines))
    const started = await startNodeProgram(path, [], { wrapper: disk.wrapper })
    const peer = await connectUnix({ path: join(disk.outside, 'node', 'socket') })
    onTestFinished(() => peer.close())
    expect(await importFile(peer, some)).toMatchObject({ added: 200, rejected: [] })
    const own = await publish(peer, 'with room')

    disk.fill()
    const refused = await refusal(importFile(peer, everything))
    expect(refused).toEqual({
      code: 'STORE_FULL',
      message: expect.stringMatching(/^the disk is full; what was added so far is kept$/),
    })
    for (let again = 0; again < 6; again++) {
      expect(await refusal(publish(peer, 'without room'.repeat(500)))).toEqual({
        code: 'STORE_FULL',
        message: expect.stringMatching(/no room on the disk/),
      })
    }
    const log = await collect<Kvt>(peer.source('createLogStream'))
    const wanted = new Map(all.map((message) => [message.key, message]))
    for (const message of log) {
      if (message.key !== own.key) expect(message).toEqual(wanted.get(message.key))
    }
    const held = keysOf(log)
    for (const { key } of all.slice(0, 200)) expect(held.has(key)).toBe(true)
    expect(await peer.call('get', [own.key])).toEqual(own.value)
    expect(await peer.call('status', [])).toMatchObject({ damaged: [], quarantined: [] })

    disk.release()
    const next = await publish(peer, 'with room again')
    expect(next.value).toMatchObject({ sequence: 2, previous: own.key })
    expect(await importFile(peer, everything)).toMatchObject({
      read: all.length,
      added: all.length - (log.length - 1),
      rejected: [],
    })
    expect(await started.kill('SIGTERM')).toEqual({ exitCode: 0, signal: null })

    const [verified] = await dunbarJson(['verify', '--path', path], { wrapper: disk.wrapper })
    expect(verified).toMatchObject({ messages: all.length + 2, damaged: [] })
  })

  test('a node stops in order, and what it stored is there after the next start', async () => {
    const disk = await smallDisk(2 * 2 ** 20)
    const path = join(disk.path, 'node')
    const file = join(temporaryFolder(), 'messages.jsonl')
    writeFileSync(file, asText(lines))
    const started = await startNodeProgram(path, [], { wrapper: disk.wrapper })
    const peer = await connectUnix({ path: join(disk.outside, 'node', 'socket') })
    onTestFinished(() => peer.close())
    await importFile(peer, file)
    const own = await publish(peer, 'the last one')
    disk.fill()
    expect(await started.kill('SIGTERM')).toEqual({ exitCode: 0, signal: null })
    disk.release()
    const [verified] = await dunbarJson(['verify', '--path', path], { wrapper: disk.wrapper })
    expect(verified).toMatchObject({ messages: all.length + 1, damaged: [] })
    expect(await dunbarJson(['get', own.key, '--path', path], { wrapper: disk.wrapper })).toEqual([
      own,
    ])
  })
})

test('a feed that may not grow any further refuses, and all other feeds go on', async () => {
  // A limit on the size of a file is met by the largest logs alone.
  const path = join(temporaryFolder(), 'node')
  const file = join(temporaryFolder(), 'messages.jsonl')
  writeFileSync(file, asText(lines))
  const limit = ['sh', '-c', 'ulimit -f 64 && exec "$@"', 'sh']
  const started = await startNodeProgram(path, [], { wrapper: limit })
  const client = await connect({ path })
  const { code } = await refusal(importFile(client.peer, file))
  expect(code).toBe('STORE_FULL')
  const own = await client.publish({ type: 'post', text: 'small enough' })
  expect(await client.get(own.key)).toEqual(own.value)
  const log = await collect<Kvt>(client.createLogStream())
  const wanted = new Map(all.map((message) => [message.key, message]))
  for (const message of log) {
    if (message.key !== own.key) expect(message).toEqual(wanted.get(message.key))
  }
  expect(log.length).toBeGreaterThan(10)
  await client.close()
  expect((await started.kill('SIGTERM')).exitCode).toBe(0)
  const [result] = await dunbarJson(['import', file, '--path', path])
  expect(result).toMatchObject({ read: all.length, known: log.length - 1, rejected: [] })
  expect(await dunbarJson(['verify', '--path', path])).toMatchObject([
    { messages: all.length + 1, damaged: [] },
  ])
})
