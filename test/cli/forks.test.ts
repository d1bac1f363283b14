import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ForkedFeed } from '../fixtures/forked-feed.js'
import {
  dunbar,
  dunbarJson,
  dunbarPrints,
  startNodeProgram,
  startProgram,
} from '../fixtures/program.js'
import { temporaryFolder } from '../fixtures/temporary-folder.js'

test('forks lists both sides of each fork, and goes on with --live', async () => {
  const folder = temporaryFolder()
  const path = join(folder, 'node')
  const feed = new ForkedFeed(5)
  const importing = async (name: string, messages: readonly object[]) => {
    const file = join(folder, `${name}.jsonl`)
    writeFileSync(file, messages.map((message) => `${JSON.stringify(message)}\n`).join(''))
    await dunbarJson(['import', file, '--path', path])
  }
  await importing('begin', feed.messages.slice(0, 3))
  expect(await dunbar(['forks', '--path', path])).toMatchObject({
    exitCode: 0,
    stdout: '',
    stderr: 'no forks yet\n',
  })
  expect(await dunbarJson(['forks', '--path', path])).toEqual([])
  const [first, second] = [feed.side(2), feed.side(3)]
  await importing('first', [feed.messages[3]!, first])
  expect(await dunbarJson(['forks', '--path', path])).toEqual([feed.fork(first)])
  const table = (await dunbarPrints(['forks', '--path', path])).split('\n')
  const cells = ({ id, sequence, kept, refused }: ReturnType<ForkedFeed['fork']>) => [
    id,
    `${sequence}`,
    kept,
    refused,
  ]
  expect(table.map((line) => line.split(/ +/))).toEqual([
    ['feed', 'sequence', 'kept', 'refused'],
    cells(feed.fork(first)),
    [''],
  ])

  const node = await startNodeProgram(path)
  const live = startProgram(['forks', '--live', '--path', path])
  const liveJson = startProgram(['forks', '--live', '--json', '--path', path])
  expect((await live.lines.next()).value).toBe(table[0])
  expect((await live.lines.next()).value).toBe(table[1])
  expect(JSON.parse((await liveJson.lines.next()).value)).toEqual(feed.fork(first))
  await importing('second', [second, feed.messages[4]!])
  const line = (await live.lines.next()).value as string
  expect(line.split(/ +/)).toEqual(cells(feed.fork(second)))
  expect(line).toHaveLength(table[1]!.length)
  expect(JSON.parse((await liveJson.lines.next()).value)).toEqual(feed.fork(second))
  for (const program of [live, liveJson]) {
    expect(await program.kill('SIGINT')).toEqual({ exitCode: 130, signal: null })
  }
  expect(await node.kill('SIGTERM')).toEqual({ exitCode: 0, signal: null })
})
