import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from '@dunbar/client'
import { expect, onTestFinished, test } from 'vitest'
import { feedUpTo, untilConnected } from '../fixtures/peers.js'
import {
  dunbarJson,
  dunbarPrints,
  dunbarRefuses,
  type NodeProgram,
  startNodeProgram,
} from '../fixtures/program.js'
import type { Kvt } from '../fixtures/running-node.js'
import { temporaryFolder } from '../fixtures/temporary-folder.js'

/** Nodes that are processes of their own, and the commands by which their users bring them together. */

async function clientOf({ ready }: NodeProgram) {
  const client = await connect({ path: ready.path })
  onTestFinished(() => client.close())
  return client
}

const startTwo = async () => {
  const folder = temporaryFolder()
  return Promise.all(['ana', 'ben'].map((name) => startNodeProgram(join(folder, name))))
}

test('two nodes that follow each other and are connected hold both feeds', async () => {
  const [ana, ben] = (await startTwo()) as [NodeProgram, NodeProgram]
  const [toAna, toBen] = [await clientOf(ana), await clientOf(ben)]
  const [anaId, benId] = [ana.ready.id, ben.ready.id]
  const at = ({ ready }: NodeProgram) => ['--path', ready.path]

  const [followed] = await dunbarJson<Kvt>(['follow', benId, ...at(ana)])
  expect(followed).toMatchObject({
    key: expect.stringMatching(/^%.{44}\.sha256$/),
    value: { author: anaId, sequence: 1, content: { contact: benId, following: true } },
  })
  expect(await dunbarPrints(['follow', anaId, ...at(ben)])).toBe(`following ${anaId}\n`)
  expect(await dunbarJson(['peers', ...at(ana)])).toEqual([])
  expect(await dunbarJson(['connect', ben.ready.address, ...at(ana)])).toEqual([
    { id: benId, address: ben.ready.address },
  ])
  expect((await feedUpTo(toAna.peer, benId, 1))[0]!.value.content.contact).toBe(anaId)
  expect((await feedUpTo(toBen.peer, anaId, 1))[0]).toEqual({
    ...followed,
    timestamp: expect.any(Number),
  })
  await toBen.publish({ type: 'about', about: benId, name: 'Ben' })
  await feedUpTo(toAna.peer, benId, 2)

  expect(await dunbarJson(['peers', ...at(ana)])).toEqual([
    { id: benId, address: ben.ready.address, state: 'connected' },
  ])
  expect(await dunbarJson(['peers', ...at(ben)])).toEqual([
    { id: anaId, address: expect.stringMatching(/^net:127\.0\.0\.1:\d+~shs:/), state: 'connected' },
  ])
  expect(await dunbarPrints(['peers', ...at(ana)])).toMatch(
    new RegExp(`^peer +name +state +address\n${literal(benId)} +Ben +connected +net:127`),
  )
  expect(await dunbarJson(['hops', ...at(ana)])).toEqual([
    { id: anaId, hops: 0 },
    { id: benId, hops: 1 },
  ])
  expect(await dunbarPrints(['hops', ...at(ana)])).toMatch(
    new RegExp(`^feed +name +hops\n${literal(anaId)} +0\n${literal(benId)} +Ben +1\n$`),
  )
  expect(await dunbarJson(['status', ...at(ana)])).toEqual([
    expect.objectContaining({
      publish: { state: 'safe', held: 1, mark: 1, claimed: expect.any(Number) },
      network: {
        address: ana.ready.address,
        peers: [{ id: benId, address: ben.ready.address, state: 'connected', isDialler: true }],
        replication: expect.objectContaining({ feeds: 2, behind: 0, missing: 0, stalled: [] }),
        graph: expect.objectContaining({ maxHops: 2, replicated: 2, leftOut: 0 }),
        refused: expect.objectContaining({ broken: {}, failedInviteUses: 0 }),
      },
    }),
  ])
  const shown = await dunbarPrints(['status', ...at(ana)])
  expect(shown).toMatch(/^publishing +safe$/m)
  expect(shown).toMatch(/^peers +1 connected$/m)
  expect(shown).toMatch(new RegExp(`^address +${literal(ana.ready.address)}$`, 'm'))
  for (const node of [ana, ben]) {
    expect(await node.kill('SIGTERM')).toEqual({ exitCode: 0, signal: null })
  }
})

test('a peer that was connected to once is connected to again after a restart', async () => {
  const [ana, ben] = (await startTwo()) as [NodeProgram, NodeProgram]
  const [anaId, benId] = [ana.ready.id, ben.ready.id]
  await dunbarPrints(['follow', benId, '--path', ana.ready.path])
  await dunbarPrints(['connect', ben.ready.address, '--path', ana.ready.path])
  await ana.kill('SIGTERM')
  // Addresses of this machine are dialled unasked only where the configuration says so.
  const config = { network: { allowPrivate: true } }
  writeFileSync(join(ana.ready.path, 'config.json'), JSON.stringify(config))
  const environment = { DUNBAR_AUTOCONNECT: 'true' }
  const again = await startNodeProgram(ana.ready.path, [], { environment })
  const toAna = await clientOf(again)
  await untilConnected(toAna.peer, (ids) => ids.includes(benId))
  const toBen = await clientOf(ben)
  await untilConnected(toBen.peer, (ids) => ids.includes(anaId))
})

test('a block ends the connection, refuses new ones from either side, and is taken back', async () => {
  const [ana, ben] = (await startTwo()) as [NodeProgram, NodeProgram]
  const [toAna, toBen] = [await clientOf(ana), await clientOf(ben)]
  const [anaId, benId] = [ana.ready.id, ben.ready.id]
  await dunbarPrints(['follow', benId, '--path', ana.ready.path])
  await dunbarPrints(['connect', ben.ready.address, '--path', ana.ready.path])
  await untilConnected(toBen.peer, (ids) => ids.includes(anaId))
  expect(await dunbarPrints(['block', benId, '--path', ana.ready.path])).toBe(`blocking ${benId}\n`)
  await untilConnected(toAna.peer, (ids) => ids.length === 0)
  await untilConnected(toBen.peer, (ids) => ids.length === 0)
  expect(await dunbarJson(['hops', '--path', ana.ready.path])).toEqual([
    { id: benId, hops: -1 },
    { id: anaId, hops: 0 },
  ])
  expect(await dunbarPrints(['hops', '--path', ana.ready.path])).toContain('blocked')
  expect(await dunbarRefuses(['connect', ben.ready.address, '--path', ana.ready.path])).toBe(
    `${benId} is blocked by this node`,
  )
  expect(await dunbarRefuses(['connect', ana.ready.address, '--path', ben.ready.path])).toMatch(
    /^no handshake with @.+ at 127\.0\.0\.1, port \d+: /,
  )
  const post = await toAna.publish({ type: 'post', text: 'not for Ben' })
  expect(await dunbarPrints(['unblock', benId, '--path', ana.ready.path])).toBe(
    `not blocking ${benId}\n`,
  )
  await dunbarPrints(['follow', anaId, '--path', ben.ready.path])
  await dunbarPrints(['connect', ana.ready.address, '--path', ben.ready.path])
  expect((await feedUpTo(toBen.peer, anaId, 4))[2]!.key).toBe(post.key)
})

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
