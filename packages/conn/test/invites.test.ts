import { statSync } from 'node:fs'
import { join } from 'node:path'
import { feedIdToBytes, generateKeys } from '@dunbar/core'
import { dialTcp } from '@dunbar/wire'
import ssbClient from 'ssb-client'
import { describe, expect, test } from 'vitest'
import { parseInvite, printInvite } from '../src/index.js'
import { NETWORK_KEY, nextPeer, type TcpNode, tcpNode, twoNodes } from './tcp-node.js'

const invite = async (pub: TcpNode, ...args: unknown[]): Promise<string> =>
  (await pub.call('invite.create', ...args)) as string

/** A connection with the key of a code. */
const guestOf = async (pub: TcpNode, code: string) => {
  const { connection } = await dialTcp({
    host: '127.0.0.1',
    port: pub.server.port,
    remoteKey: feedIdToBytes(pub.id),
    keys: generateKeys(parseInvite(code)!.seed),
    networkKey: NETWORK_KEY,
    methods: new Map(),
  })
  return connection
}

const remote = (message: string) => ({ code: 'REMOTE_ERROR', data: { message } })

describe('an invite', () => {
  test.each([
    ['legacy', 1],
    ['modern', { modern: true }],
  ])('of the %s form has the pub follow its holder, and the holder the pub', async (_, terms) => {
    const [pub, ana] = await twoNodes()
    const code = await invite(pub, terms)
    const connected = nextPeer(pub)
    const messages = await ana.call('invite.accept', code)
    const contact = { type: 'contact', contact: ana.id, following: true, pub: true }
    expect(pub.published).toEqual([contact])
    const { host, port, key } = pub.address
    expect(ana.published).toEqual([
      { type: 'contact', following: true, autofollow: true, contact: pub.id },
      { type: 'pub', address: { host, port, key } },
    ])
    expect(messages).toMatchObject(ana.published.map((content) => ({ value: { content } })))
    expect((await connected).remoteId).toBe(ana.id)
    expect(await ana.call('conn.dbPeers')).toMatchObject([
      [pub.address.text, { type: 'pub', source: 'seed', autoconnect: true }],
    ])
  })

  test('carries the note of its maker, and as many uses as were given', async () => {
    const pub = await tcpNode()
    const code = await invite(pub, { uses: 2, note: 'from the meetup' })
    for (let use = 0; use < 2; use++) await (await tcpNode()).call('invite.accept', code)
    expect(pub.published.map(({ note }) => note)).toEqual(['from the meetup', 'from the meetup'])
    const third = (await tcpNode()).call('invite.accept', code)
    await expect(third).rejects.toMatchObject({
      code: 'INVITE_REFUSED',
      data: { reason: 'invite has expired: it is used up' },
    })
    expect(pub.published).toHaveLength(2)
  })

  test('is used up by one of many that use it at the same time', async () => {
    const pub = await tcpNode()
    const guest = await guestOf(pub, await invite(pub, { uses: 2 }))
    const uses = Array.from({ length: 5 }, () =>
      guest.call('invite.use', [{ feed: generateKeys().id }]),
    )
    const outcomes = await Promise.allSettled(uses)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
    expect(pub.published).toHaveLength(2)
  })

  test('is not spent on who is followed already, which its holder takes for success', async () => {
    const [pub, ana] = await twoNodes()
    pub.graph.place(ana.id, 1)
    const code = await invite(pub)
    await ana.call('invite.accept', code)
    expect(pub.published).toEqual([])
    expect(ana.published).toHaveLength(2)
    await (await tcpNode()).call('invite.accept', code)
    expect(pub.published).toHaveLength(1)
  })

  test('does not follow one feed twice while the first use is under way', async () => {
    let finish: (message: unknown) => void = () => {}
    const published = new Promise<unknown>((resolve) => {
      finish = resolve
    })
    const pub = await tcpNode({ publish: () => published })
    const guest = await guestOf(pub, await invite(pub, 5))
    const feed = generateKeys().id
    const first = guest.call('invite.use', [{ feed }])
    const second = guest.call('invite.use', [{ feed }])
    await expect(second).rejects.toMatchObject(remote('already following'))
    finish({ key: '%' })
    expect(await first).toEqual({ key: '%' })
  })

  test('gets its use back when the pub can not publish', async () => {
    let isLocked = true
    const pub = await tcpNode({
      publish: () => (isLocked ? Promise.reject(new Error('locked')) : Promise.resolve({})),
    })
    const guest = await guestOf(pub, await invite(pub))
    const feed = generateKeys().id
    await expect(guest.call('invite.use', [{ feed }])).rejects.toMatchObject({
      code: 'REMOTE_ERROR',
    })
    isLocked = false
    expect(await guest.call('invite.use', [{ feed }])).toEqual({})
  })

  test.each([
    [{}, 'feed to follow is missing'],
    [undefined, 'feed to follow is missing'],
    [{ feed: 'me' }, 'feed to follow is none that can be followed'],
  ])('asks for a feed: %j', async (request, text) => {
    const pub = await tcpNode()
    const guest = await guestOf(pub, await invite(pub))
    await expect(guest.call('invite.use', [request])).rejects.toMatchObject(remote(text))
  })

  test('follows neither the pub itself nor whom it blocks', async () => {
    const pub = await tcpNode()
    const blocked = generateKeys().id
    pub.graph.block(blocked)
    const guest = await guestOf(pub, await invite(pub))
    for (const feed of [pub.id, blocked]) {
      await expect(guest.call('invite.use', [{ feed }])).rejects.toMatchObject({
        data: { code: 'INVITE_BAD_FEED' },
      })
    }
    expect(pub.published).toEqual([])
  })

  test('is not tried without end', async () => {
    const pub = await tcpNode()
    const guest = await guestOf(pub, await invite(pub))
    for (let failure = 0; failure < 5; failure++) {
      await expect(guest.call('invite.use', [{}])).rejects.toThrow()
    }
    const sixth = guest.call('invite.use', [{ feed: generateKeys().id }])
    await expect(sixth).rejects.toMatchObject({ data: { code: 'INVITE_TOO_OFTEN' } })
  })

  test('opens nothing but itself', async () => {
    const secret = { name: 'whoami', type: 'sync' as const, handler: () => 'somebody' }
    const pub = await tcpNode({ methods: [secret] })
    const guest = await guestOf(pub, await invite(pub))
    expect(await guest.call('manifest')).toEqual({
      invite: { use: 'async' },
      getAddress: 'sync',
      manifest: 'sync',
    })
    await expect(guest.call('whoami')).rejects.toThrow('not in list of allowed methods')
    expect(pub.conn.peers()).toEqual([])
  })

  test('that is used up makes its key a stranger, which is how some clients come back', async () => {
    const greeting = { name: 'hello', type: 'sync' as const, handler: () => 'welcome' }
    const pub = await tcpNode({ methods: [greeting] })
    const code = await invite(pub)
    const guest = await guestOf(pub, code)
    await guest.call('invite.use', [{ feed: generateKeys().id }])
    await guest.close()
    const again = await guestOf(pub, code)
    expect(await again.call('hello')).toBe('welcome')
    const use = again.call('invite.use', [{ feed: generateKeys().id }])
    await expect(use).rejects.toMatchObject(remote('invite has expired: it is used up'))
    expect(pub.conn.peers()).toHaveLength(1)
  })

  test('is used by ssb-client, which dials with the key in a modern code', async () => {
    const pub = await tcpNode()
    const code = await invite(pub, { modern: true })
    const client = await ssbClient(true, {
      remote: code,
      caps: { shs: Buffer.from(NETWORK_KEY).toString('base64') },
      manifest: { invite: { use: 'async' } },
    })
    const feed = generateKeys().id
    expect(await client.invite.use({ feed })).toMatchObject({
      value: { content: { contact: feed } },
    })
    await expect(client.invite.use({ feed: generateKeys().id })).rejects.toThrow(
      'invite has expired',
    )
    await new Promise((resolve) => client.close(resolve))
  })

  test('with a wrong seed is refused with a reason, and harms nobody', async () => {
    const [pub, ana] = await twoNodes()
    await invite(pub)
    const wrong = printInvite({ address: pub.address, seed: new Uint8Array(32).fill(1) })
    await expect(ana.call('invite.accept', wrong)).rejects.toMatchObject({
      code: 'INVITE_REFUSED',
      data: { reason: expect.stringContaining('not in list of allowed methods') },
    })
    expect(pub.published).toEqual([])
    expect(ana.published).toEqual([])
  })

  test('of the node itself and what is none are refused before anything is dialled', async () => {
    const ana = await tcpNode()
    const own = ana.call('invite.accept', await invite(ana))
    await expect(own).rejects.toMatchObject({ code: 'INVITE_INVALID' })
    for (const text of ['', 'hello', ana.address.text, 7, { invite: null }]) {
      const none = ana.call('invite.accept', text)
      await expect(none).rejects.toMatchObject({ code: 'INVITE_INVALID' })
    }
  })

  test('of a pub that is blocked, or that can not be dialled, is not used', async () => {
    const [pub, ana] = await twoNodes()
    ana.graph.block(pub.id)
    const blocked = ana.call('invite.accept', await invite(pub))
    await expect(blocked).rejects.toMatchObject({ code: 'PEER_BLOCKED' })
    const seed = Buffer.alloc(32, 1).toString('base64')
    const web = `wss://pub.example~shs:${generateKeys().id.slice(1, -8)}:${seed}`
    const far = ana.call('invite.accept', web)
    await expect(far).rejects.toMatchObject({ code: 'ADDRESS_UNSUPPORTED' })
  })

  test('of a pub that is away is tried three times', async () => {
    const [pub, ana] = await twoNodes()
    const code = await invite(pub)
    await pub.close()
    await expect(ana.call('invite.accept', code)).rejects.toMatchObject({
      code: 'INVITE_UNREACHABLE',
      data: { reason: expect.stringContaining('ECONNREFUSED') },
    })
    expect(ana.published).toEqual([])
  })

  test('of a pub that does not answer is given up when the node ends', async () => {
    let tell: () => void = () => {}
    const asked = new Promise<void>((resolve) => {
      tell = resolve
    })
    const pub = await tcpNode({
      publish() {
        tell()
        return new Promise(() => {})
      },
    })
    const ana = await tcpNode()
    const accepted = ana.call('invite.accept', await invite(pub))
    await asked
    await Promise.all([
      ana.close(),
      expect(accepted).rejects.toMatchObject({ code: 'INVITE_UNREACHABLE' }),
    ])
    expect(ana.published).toEqual([])
  })

  test('names the host that its maker gave', async () => {
    const pub = await tcpNode({ config: { allowsPrivate: false } })
    const none = invite(pub)
    await expect(none).rejects.toMatchObject({ code: 'INVITE_NO_ADDRESS' })
    const near = invite(pub, { external: '10.0.0.1' })
    await expect(near).rejects.toMatchObject({ code: 'INVITE_NO_ADDRESS' })
    const code = await invite(pub, { external: 'pub.example' })
    expect(parseInvite(code)!.address.host).toBe('pub.example')
    const known = await tcpNode({ config: { allowsPrivate: false, externalHosts: ['a.example'] } })
    expect(await invite(known)).toMatch(/^a\.example:\d+:@/)
  })

  test('holds after a restart, and is over after its time', async () => {
    const pub = await tcpNode()
    const code = await invite(pub, { uses: 1 })
    const brief = await invite(pub, { lifeMs: 0.001 })
    await pub.close()
    const again = await tcpNode({ keys: pub.keys, folder: pub.folder })
    const guest = await guestOf(again, code)
    expect(await guest.call('invite.use', [{ feed: generateKeys().id }])).toBeTruthy()
    const late = await guestOf(again, brief)
    const use = late.call('invite.use', [{ feed: generateKeys().id }])
    await expect(use).rejects.toMatchObject(remote('invite has expired'))
    expect(statSync(join(pub.folder, 'invites.json')).mode & 0o777).toBe(0o600)
  })

  test('is made with sensible terms only', async () => {
    const pub = await tcpNode({ limits: { invites: 1 } })
    for (const terms of [0, -1, 1.5, { uses: 'many' }, { note: 7 }, { lifeMs: -1 }]) {
      const bad = invite(pub, terms)
      await expect(bad).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
    }
    await invite(pub)
    await expect(invite(pub)).rejects.toMatchObject({ code: 'INVITE_LIMIT' })
  })
})
