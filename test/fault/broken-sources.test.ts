import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { db2Log, flumeLog } from '../fixtures/foreign-stores.js'
import { dunbar, dunbarRefuses } from '../fixtures/program.js'
import { generated, importFile, type RunningNode, runningNode } from '../fixtures/running-node.js'
import { type AtEnd, temporaryFolder } from '../fixtures/temporary-folder.js'

/** Import files that are cut off or hold rubbish: what is whole is taken, the rest is counted. */

const { lines, all } = generated(4, 60)

describe('an import of', () => {
  let running: RunningNode
  let folder: string
  let files = 0
  beforeAll(async () => {
    const ends: (() => void | Promise<void>)[] = []
    const atEnd: AtEnd = (run) => ends.unshift(run)
    folder = temporaryFolder(atEnd)
    running = await runningNode({}, atEnd)
    return async () => {
      for (const end of ends) await end()
    }
  })

  /** Imports a file with this content into the node, which may know its messages already. */
  function imported(content: string | Buffer, name = 'source'): ReturnType<typeof importFile> {
    files += 1
    const file = join(folder, `${files}-${name}`)
    writeFileSync(file, content)
    return importFile(running.peer, file)
  }

  const text = lines.map((line) => `${line}\n`).join('')
  const taken = ({ added, known }: { added: number; known: number }) => added + known

  test('lines among which some are no JSON or no message counts those, and where the first was', async () => {
    const mixed = [
      lines[0]!,
      'not JSON',
      '{"broken": ',
      '[1,2]',
      '"text"',
      '{}',
      '',
      ...lines.slice(1),
    ]
    const result = await imported(mixed.join('\n'))
    expect(taken(result)).toBe(all.length)
    expect(result.read).toBe(all.length + 5)
    expect(result.rejected).toEqual(
      expect.arrayContaining([
        { reason: 'NOT_JSON', count: 2, example: 'line 2' },
        { reason: 'NOT_A_MESSAGE', count: 3, example: 'line 4' },
      ]),
    )
  })

  test('a line of megabytes drops that line and no other', async () => {
    const result = await imported(`${lines[0]}\n"${'x'.repeat(3 * 2 ** 20)}"\n${lines[1]}\n`)
    expect(result).toMatchObject({ read: 3, rejected: [{ reason: 'LINE_TOO_LONG', count: 1 }] })
    expect(taken(result)).toBe(2)
  })

  test('lines without an end, or with a last one that is cut off', async () => {
    expect(await imported(text.slice(0, -1))).toMatchObject({ read: all.length, rejected: [] })
    const cut = await imported(text.slice(0, -40))
    expect(taken(cut)).toBe(all.length - 1)
    expect(cut.rejected).toEqual([{ reason: 'TRUNCATED', count: 1, example: `line ${all.length}` }])
  })

  test('a gzip file that is cut off takes what came before', async () => {
    const whole = gzipSync(text)
    const result = await imported(whole.subarray(0, whole.length - 2000))
    expect(taken(result)).toBeGreaterThan(all.length / 2)
    expect(taken(result)).toBeLessThan(all.length)
    expect(result.rejected.some(({ reason }) => reason === 'TRUNCATED')).toBe(true)
  })

  test('a log.offset that is cut off takes what came before', async () => {
    const whole = flumeLog(all)
    const result = await imported(whole.subarray(0, whole.length - 100), 'log.offset')
    expect(taken(result)).toBe(all.length - 1)
    expect(result.rejected).toMatchObject([{ reason: 'TRUNCATED', count: 1 }])
  })

  test('a log.offset with rubbish in the middle, or a log.bipf that is cut off, never ends the node', async () => {
    const harmed = flumeLog(all)
    harmed.fill(0xff, 4000, 4200)
    const result = await imported(harmed, 'log.offset')
    expect(result.rejected.length).toBeGreaterThan(0)
    const db2 = db2Log(all)
    db2.fill(0xff, 4000, 4200)
    const other = await imported(db2.subarray(0, 30_000), 'log.bipf')
    expect(taken(other)).toBeLessThan(all.length)
    expect(await running.peer.call('status', [])).toMatchObject({
      messages: all.length,
      damaged: [],
      quarantined: [],
    })
  })

  test('an empty file reads nothing', async () => {
    expect(await imported('')).toMatchObject({ read: 0, added: 0, rejected: [] })
  })
})

test('the command tells a person what was rejected, and fails where nothing could be taken', async () => {
  const folder = temporaryFolder()
  const path = join(folder, 'node')
  const some = join(folder, 'some.jsonl')
  writeFileSync(some, `${lines[0]}\nnonsense\n`)
  const { exitCode, stdout, stderr } = await dunbar(['import', some, '--path', path])
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout).toContain('1 rejected: NOT_JSON, such as line 2')
  const none = join(folder, 'none.jsonl')
  writeFileSync(none, 'nonsense\n')
  const refused = await dunbar(['import', none, '--path', path])
  expect(refused.exitCode).toBe(1)
  expect(refused.stderr).toBe(`dunbar: nothing in ${none} is a message that could be taken\n`)
  const folderOnly = join(folder, 'node')
  expect(await dunbarRefuses(['import', folderOnly, '--path', path])).toMatch(
    /holds no db2\/log\.bipf and no flume\/log\.offset/,
  )
})
