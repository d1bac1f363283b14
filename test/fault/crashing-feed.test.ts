import { mkdirSync, renameSync, rmdirSync, rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { logPath } from '../fixtures/feed-files.js'
import { LogLines } from '../fixtures/log-lines.js'
import {
  collect,
  generated,
  importLines,
  type Kvt,
  type RunningNode,
  runningNode,
} from '../fixtures/running-node.js'

/** A feed whose file can't be read any more: there is a folder where its log should be. */

const { lines, all } = generated(24, 300)
const harmed = all[0]!.value.author
const ofHarmed = all.filter(({ value }) => value.author === harmed)
const others = all.filter(({ value }) => value.author !== harmed)

interface Done {
  readonly event: string
  readonly result: Record<string, unknown>
}

async function resultOf({ peer }: RunningNode, method: string): Promise<Done['result']> {
  const events = await collect<Done>(peer.source(method))
  return events.at(-1)!.result
}

/** Everything that is not of the harmed feed is served, written and told of as ever. */
async function expectTheRestGoesOn(running: RunningNode): Promise<void> {
  const { peer } = running
  const log = await collect<Kvt>(peer.source('createLogStream'))
  expect(log.filter(({ value }) => value.author !== running.node.id)).toEqual(others)
  const published = (await peer.call('publish', [{ type: 'post', text: 'on and on' }])) as Kvt
  expect(await peer.call('get', [published.key])).toEqual(published.value)
  expect(await peer.call('status', [])).toMatchObject({ quarantined: [harmed] })
  const feeds = await collect<{ id: string; state: string }>(peer.source('feeds.list'))
  expect(feeds.filter(({ state }) => state !== 'ok')).toMatchObject([
    { id: harmed, state: 'quarantined' },
  ])
  expect(await peer.call('feeds.status', [harmed])).toMatchObject({
    id: harmed,
    state: 'quarantined',
  })
  const imported = await importLines(peer, lines)
  expect(imported).toMatchObject({ added: 0, known: others.length })
  expect(imported.rejected).toMatchObject([{ count: ofHarmed.length }])
  const verified = await resultOf(running, 'node.verify')
  expect(verified.damaged).toMatchObject([{ feed: harmed, reason: expect.any(String) }])
  expect(verified.messages).toBe(others.length + 1)
  await resultOf(running, 'node.rebuild')
  expect(await peer.call('get', [others[5]!.key])).toEqual(others[5]!.value)
}

test('a feed that crashes again and again is quarantined and listed, and the rest goes on', async () => {
  const logger = new LogLines()
  const running = await runningNode({ logger, cacheBytes: 0, openFiles: 8 })
  const { peer, path } = running
  await importLines(peer, lines)
  renameSync(logPath(path, harmed), `${logPath(path, harmed)}.kept`)
  mkdirSync(logPath(path, harmed))
  // Reading many others closes the file that the node still has open.
  for (const id of new Set(others.map(({ value }) => value.author))) {
    await peer.call('getLatest', [id])
  }
  const codes: string[] = []
  for (let asked = 0; asked < 50 && codes.at(-1) !== 'ACTOR_QUARANTINED'; asked++) {
    await peer.call('getLatest', [harmed]).catch((error) => codes.push(error.data.code))
  }
  expect(codes.slice(0, -1).every((code) => code === 'ACTOR_DOWN')).toBe(true)
  expect(codes.length).toBeGreaterThan(2)
  expect(codes.at(-1)).toBe('ACTOR_QUARANTINED')
  expect(
    logger.lines.some(({ text }) => text.includes(harmed) && text.includes('quarantined')),
  ).toBe(true)
  await expectTheRestGoesOn(running)
})

test('a feed that can not be read at the start is set aside, and is whole again when its file is', async () => {
  const first = await runningNode()
  const { path } = first
  await importLines(first.peer, lines)
  await first.peer.close()
  await first.node.stop()
  const log = logPath(path, harmed)
  renameSync(log, `${log}.kept`)
  mkdirSync(log)
  const second = await runningNode({ path })
  await expectTheRestGoesOn(second)
  await second.peer.close()
  await second.node.stop()
  rmdirSync(log)
  renameSync(`${log}.kept`, log)
  const third = await runningNode({ path })
  expect(await collect(third.peer.source('createUserStream', [{ id: harmed }]))).toEqual(ofHarmed)
  expect(await third.peer.call('status', [])).toMatchObject({ quarantined: [], damaged: [] })
  rmSync(`${log}.kept`, { force: true })
})
