import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from '@dunbar/client'
import { SeededRandom } from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'
import { dunbarJson, startNodeProgram, startProgram } from '../fixtures/program.js'
import { collect, generated, type Kvt, runningNode } from '../fixtures/running-node.js'
import { temporaryFolder } from '../fixtures/temporary-folder.js'

/** A node that is killed by SIGKILL, as the system does when memory runs out. */

describe('publishing', () => {
  test.each([1, 2])(
    'loses nothing that was acknowledged and never forks (seed %i)',
    async (seed) => {
      const random = new SeededRandom(seed)
      const path = join(temporaryFolder(), 'node')
      const acknowledged: Kvt[] = []
      for (let round = 0; round < 3; round++) {
        const program = await startNodeProgram(path)
        const client = await connect({ path })
        const until = acknowledged.length + 1 + random.below(25)
        let isEnough: () => void = () => {}
        const enough = new Promise<void>((resolve) => {
          isEnough = resolve
        })
        const publish = async (number: number) => {
          const message = await client.publish({ type: 'post', text: `${round}/${number}` })
          acknowledged.push(message as Kvt)
          if (acknowledged.length >= until) isEnough()
        }
        const calls = Array.from({ length: 60 }, (_, number) => publish(number).catch(() => {}))
        await enough
        await program.kill('SIGKILL')
        await Promise.all(calls)
        await client.close()
      }
      const { peer, node } = await runningNode({ path })
      const own = await collect<Kvt>(peer.source('createUserStream', [{ id: node.id }]))
      expect(own.length).toBeGreaterThanOrEqual(acknowledged.length)
      for (const [index, { value }] of own.entries()) {
        expect(value).toMatchObject({
          sequence: index + 1,
          previous: own[index - 1]?.key ?? null,
        })
      }
      for (const message of acknowledged) expect(own[message.value.sequence - 1]).toEqual(message)
      expect(await peer.call('feeds.forks', [])).toEqual([])
      const next = (await peer.call('publish', [{ type: 'post', text: 'goes on' }])) as Kvt
      expect(next.value).toMatchObject({ sequence: own.length + 1, previous: own.at(-1)!.key })
    },
  )
})

describe('an import', () => {
  test('that was killed in the middle is done again: all are there once, and verify finds them whole', async () => {
    const { lines, all } = generated(12, 2000, 4)
    const folder = temporaryFolder()
    const file = join(folder, 'messages.jsonl')
    writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
    const path = join(folder, 'node')
    const node = await startNodeProgram(path)
    const client = await connect({ path })
    const stored = client.createLogStream({ live: true, old: false })
    const first = stored.next()
    const importing = startProgram(['import', file, '--path', path, '--json'])
    const { value } = await first
    await node.kill('SIGKILL')
    expect((await importing.ended).exitCode).toBe(1)
    await client.close()

    const [result] = await dunbarJson<{ read: number; added: number; known: number }>([
      'import',
      file,
      '--path',
      path,
    ])
    expect(result).toMatchObject({ read: all.length, feeds: 12, rejected: [] })
    expect(result!.added + result!.known).toBe(all.length)
    expect(result!.known).toBeGreaterThan(0)
    const again = await runningNode({ path })
    const verified = await collect<{ result: object }>(again.peer.source('node.verify'))
    expect(verified.at(-1)!.result).toMatchObject({ messages: all.length, feeds: 12, damaged: [] })
    const log = await collect<Kvt>(again.peer.source('createLogStream'))
    expect(log.map((message) => JSON.stringify(message)).sort()).toEqual([...lines].sort())
    expect(log).toContainEqual(value)
  })
})
