import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  dunbarJson,
  dunbarPrints,
  dunbarRefuses,
  startNodeProgram,
  startProgram,
} from '../fixtures/program.js'
import type { Kvt } from '../fixtures/running-node.js'
import { temporaryFolder } from '../fixtures/temporary-folder.js'

test('publish makes a node where none is, signs, and prints the message with its key', async () => {
  const path = join(temporaryFolder(), 'node')
  const words = ['publish', '--type', 'post', '--text', 'first', '--path', path]
  const [root] = await dunbarJson<Kvt>(words)
  expect(root).toEqual({
    key: expect.stringMatching(/^%.{44}\.sha256$/),
    value: expect.objectContaining({
      previous: null,
      sequence: 1,
      content: { type: 'post', text: 'first' },
    }),
    timestamp: expect.any(Number),
  })
  expect(await dunbarJson(['get', root!.key, '--path', path])).toEqual([root])
  const second = await dunbarPrints(['publish', '--type', 'about', '--name', '7', '--path', path])
  const [about] = await dunbarJson<Kvt>(['get', second.trim(), '--path', path])
  expect(about!.value).toMatchObject({
    previous: root!.key,
    sequence: 2,
    content: { type: 'about', name: '7' },
  })
})

test('a thread is published and read with a running node, and stays open with --live', async () => {
  const path = join(temporaryFolder(), 'node')
  const node = await startNodeProgram(path)
  const publish = async (...words: string[]) => {
    const published = await dunbarJson<Kvt>(['publish', '--type', 'post', ...words, '--path', path])
    return published[0]!
  }
  const root = await publish('--text', 'root of the thread')
  const named = await publish('--text', 'named branch', '--root', root.key, '--branch', root.key)
  expect(named.value.content).toEqual({
    type: 'post',
    text: 'named branch',
    root: root.key,
    branch: root.key,
  })
  const live = startProgram(['tangle', root.key, '--live', '--json', '--path', path])
  const next = async () => JSON.parse((await live.lines.next()).value) as Kvt
  expect(await next()).toEqual(root)
  expect(await next()).toEqual(named)
  const newest = await publish('--text', 'answers the newest', '--root', root.key)
  expect(newest.value.content.branch).toBe(named.key)
  expect(await next()).toEqual(newest)
  expect(await live.kill('SIGINT')).toEqual({ exitCode: 130, signal: null })

  const drawn = await dunbarPrints(['tangle', root.key, '--path', path])
  const place = ['root of the thread', 'named branch', 'answers the newest'].map((text) =>
    drawn.indexOf(text),
  )
  expect(place).toEqual(place.slice().sort((a, b) => a - b))
  expect(place[0]).toBeGreaterThan(0)
  expect(drawn).toContain(node.ready.id.slice(0, 6))
  expect(await node.kill('SIGTERM')).toEqual({ exitCode: 0, signal: null })
})

test('publish refuses what no message can hold, and nothing is published', async () => {
  const path = join(temporaryFolder(), 'node')
  const node = await startNodeProgram(path)
  const refused = (...words: string[]) => dunbarRefuses(['publish', ...words, '--path', path])
  expect(
    await Promise.all([
      refused('--type', 'post'),
      refused('--type', 'ab', '--text', 'x'),
      refused('--type', 'post', '--text', 'x', '--branch', `%${'A'.repeat(43)}=.sha256`),
      refused('--type', 'post', '--text', 'x', '--root', 'nonsense'),
      refused('--type', 'post', '--text', 'x'.repeat(9000)),
      refused('.'),
    ]),
  ).toEqual([
    'a post needs a --text',
    'publish needs a --type of 3 to 52 characters',
    '--branch needs the --root of the thread',
    'nonsense is not the key of a message, such as %….sha256',
    expect.stringMatching(/8,?192|too long|TOO_LONG/i),
    'the standard input is no JSON, which the argument "." stands for',
  ])
  expect(await dunbarJson(['getLatest', node.ready.id, '--path', path])).toEqual([null])
  await node.kill('SIGTERM')
})
