import { createServer } from 'node:net'
import { join } from 'node:path'
import { connect } from '@dunbar/client'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { follow } from '../fixtures/peers.js'
import {
  dunbar,
  dunbarJson,
  dunbarPrints,
  dunbarRefuses,
  jsonLines,
  type NodeProgram,
  startNodeProgram,
} from '../fixtures/program.js'
import { generated, importLines } from '../fixtures/running-node.js'
import { type AtEnd, temporaryFolder } from '../fixtures/temporary-folder.js'

/** `dunbar sync`: one exchange with one peer. */

const { lines, all } = generated(6, 300)
const authors = [...new Set(all.map(({ value }) => value.author))]
const countOf = (id: string) => all.filter(({ value }) => value.author === id).length
const NOBODY = 'iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w='

interface FeedLine {
  id: string
  sequence: number
}

const feedsIn = async (path: string) => {
  const printed = await dunbarJson<FeedLine>(['feeds', '--path', path])
  return Object.fromEntries(printed.map(({ id, sequence }) => [id, sequence]))
}

describe('from a peer with feeds of its own and of others', () => {
  let pub: NodeProgram
  let everything: Record<string, number>

  beforeAll(async () => {
    const ends: (() => void | Promise<void>)[] = []
    const atEnd: AtEnd = (run) => ends.unshift(run)
    pub = await startNodeProgram(join(temporaryFolder(atEnd), 'pub'), [], {}, atEnd)
    const client = await connect({ path: pub.ready.path })
    atEnd(() => client.close())
    await importLines(client.peer, lines, atEnd)
    await follow(client.peer, authors[0]!)
    await client.publish({ type: 'about', about: pub.ready.id, name: 'Pub' })
    everything = {
      ...Object.fromEntries(authors.map((id) => [id, countOf(id)])),
      [pub.ready.id]: 2,
    }
    return async () => {
      for (const end of ends) await end()
    }
  })

  test('a newcomer that follows nobody gets the feed of the peer', async () => {
    const path = join(temporaryFolder(), 'new')
    const printed = await dunbarJson(['sync', '--from', pub.ready.address, '--path', path])
    expect(printed).toEqual([
      { event: 'feed', id: pub.ready.id, sequence: 2 },
      { event: 'done', feeds: 1, messages: 2, refused: [], seconds: expect.any(Number) },
    ])
    expect(await feedsIn(path)).toEqual({ [pub.ready.id]: 2 })
    expect(await dunbarPrints(['sync', '--from', pub.ready.address, '--path', path])).toMatch(
      /^0 messages of 0 feeds came, \d+\.\d s\n$/,
    )
  })

  test('with --all everything that the peer has comes, and is there afterwards', async () => {
    const path = join(temporaryFolder(), 'new')
    const words = ['sync', '--from', pub.ready.address, '--all', '--path', path]
    const printed = await dunbarJson<{ event: string; id: string; sequence: number }>(words)
    expect(printed.at(-1)).toEqual({
      event: 'done',
      feeds: authors.length + 1,
      messages: all.length + 2,
      refused: [],
      seconds: expect.any(Number),
    })
    const feeds = printed.slice(0, -1)
    for (const { event } of feeds) expect(event).toBe('feed')
    const reached = Object.fromEntries(feeds.map(({ id, sequence }) => [id, sequence]))
    expect(reached).toEqual(everything)
    expect(await feedsIn(path)).toEqual(everything)
  })

  test('with --all a feed that is blocked does not come', async () => {
    const path = join(temporaryFolder(), 'new')
    await dunbarPrints(['block', authors[1]!, '--path', path])
    await dunbarPrints(['sync', '--from', pub.ready.address, '--all', '--path', path])
    const held = Object.keys(await feedsIn(path))
    expect(held).not.toContain(authors[1])
    expect(held).toContain(authors[2])
  })

  test('who follows somebody gets the feeds within the hops', async () => {
    const path = join(temporaryFolder(), 'new')
    await dunbarPrints(['follow', pub.ready.id, '--path', path])
    await dunbarPrints(['sync', '--from', pub.ready.address, '--path', path])
    const held = await feedsIn(path)
    expect(held[pub.ready.id]).toBe(2)
    expect(held[authors[0]!]).toBe(everything[authors[0]!])
    expect(Object.keys(held)).toHaveLength(3)
  })

  test('a running node does it, and serves meanwhile', async () => {
    const node = await startNodeProgram(join(temporaryFolder(), 'new'))
    const words = ['sync', '--from', pub.ready.address, '--all', '--path', node.ready.path]
    expect(await dunbarPrints(words)).toMatch(/^302 messages of 7 feeds came, \d+\.\d s\n$/)
    expect(await feedsIn(node.ready.path)).toEqual(everything)
    const client = await connect({ path: node.ready.path })
    onTestFinished(() => client.close())
    expect(await client.whoami()).toEqual({ id: node.ready.id })
  })

  test('a wrong key, a port where nobody is, and an address that is none are told in one sentence', async () => {
    const path = join(temporaryFolder(), 'new')
    const { host, port } = partsOf(pub.ready.address)
    const from = (address: string) => dunbarRefuses(['sync', '--from', address, '--path', path])
    expect(await from(`net:${host}:${port}~shs:${NOBODY}`)).toMatch(
      /^no handshake with @iojj.+ at 127\.0\.0\.1, port \d+: /,
    )
    expect(await from(`net:${host}:${await freePort()}~shs:${NOBODY}`)).toMatch(
      /^could not connect to 127\.0\.0\.1, port \d+: ECONNREFUSED$/,
    )
    expect(await from('somewhere')).toMatch(/is not the address of a peer/)
    expect(await dunbarRefuses(['sync', '--path', path])).toMatch(/--from/)
  })
})

test('a connection that ends before all had come is a failure, and what came is kept', async () => {
  const folder = temporaryFolder()
  const pub = await startNodeProgram(join(folder, 'pub'))
  const client = await connect({ path: pub.ready.path })
  const { lines: many, all: wanted } = generated(8, 6000)
  await importLines(client.peer, many)
  await client.close()
  const path = join(folder, 'new')
  const node = await startNodeProgram(path)
  const peer = await connect({ path })
  onTestFinished(() => peer.close())
  const arriving = peer.createLogStream({ live: true, old: false })
  const syncing = dunbar(['sync', '--from', pub.ready.address, '--all', '--path', path, '--json'])
  await arriving.next()
  await pub.kill('SIGKILL')
  const { exitCode, stdout, stderr } = await syncing
  expect({ exitCode, stderr }).toEqual({
    exitCode: 1,
    stderr: 'dunbar: the connection ended before all had come\n',
  })
  for (const { event, id, sequence } of jsonLines<FeedLine & { event: string }>(stdout)) {
    expect(event).toBe('feed')
    expect(sequence).toBe(wanted.filter(({ value }) => value.author === id).length)
  }
  expect(Object.keys(await feedsIn(node.ready.path)).length).toBeGreaterThan(0)
})

function partsOf(address: string) {
  const [, host, port] = /^net:([^:]+):(\d+)~shs:/.exec(address)!
  return { host, port }
}

/** A port that nobody has. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
