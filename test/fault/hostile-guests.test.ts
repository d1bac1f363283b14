import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { parseInvite } from '@dunbar/conn'
import { generateKeys, type Keys, randomBytes, secretbox, sign } from '@dunbar/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { AttackedNode, MAIN_NETWORK_KEY } from '../fixtures/attacked-node.js'
import { type Caller, EbtScript } from '../fixtures/replication-script.js'

/** Holders of invites, machines of the local network, and addresses that are none. */

const answer = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => 'done',
    (error: { code: string; data?: { message?: string; code?: string } }) =>
      error.data?.code ?? error.data?.message ?? error.code,
  )

describe('an invite', () => {
  const use = ({ connection }: Caller, feed: unknown) =>
    answer(connection.call('invite.use', [{ feed }]))

  async function invited(uses = 1) {
    const node = await AttackedNode.start({ network: { external: ['pub.example'] } })
    const code = parseInvite(await node.api.call('invite.create', [{ uses }]))!
    return { node, keys: generateKeys(code.seed) }
  }

  test('is used as often as it says, however many hold it at once', async () => {
    const { node, keys } = await invited(2)
    const guest = await node.dial(keys)
    const asked = Array.from({ length: 5 }, () => use(guest, generateKeys().id))
    const answers = await Promise.all(asked)
    expect(answers.filter((text) => text === 'done')).toHaveLength(2)
    expect(answers.filter((text) => text === 'INVITE_EXPIRED')).toHaveLength(3)
    // The key of a code that is used up is a stranger's.
    const again = await node.dial(keys)
    expect(await use(again, generateKeys().id)).toBe('INVITE_EXPIRED')
    expect((await node.status()).network.refused.failedInviteUses).toBe(4)
    await node.expectServing()
  })

  test('with another seed is none', async () => {
    const { node } = await invited()
    const stranger = await node.dial()
    expect(await use(stranger, generateKeys().id)).toBe(
      'method:invite,use is not in list of allowed methods',
    )
    await node.expectServing()
  })

  test('follows no nonsense, and is tried some times a minute', async () => {
    const { node, keys } = await invited(10)
    const guest = await node.dial(keys)
    for (const feed of [undefined, '@no feed', node.id, { toString: 1 }, ['@a']]) {
      expect(await use(guest, feed)).toBe('INVITE_BAD_FEED')
    }
    for (let guess = 0; guess < 20; guess++) {
      expect(await use(guest, generateKeys().id)).toBe('INVITE_TOO_OFTEN')
    }
    expect((await node.status()).network.refused.failedInviteUses).toBe(25)
    await node.expectServing()
  })

  test('opens nothing else', async () => {
    const { node, keys } = await invited()
    const guest = await node.dial(keys)
    const { connection } = guest
    for (const name of [
      'ebt.clock',
      'whoami',
      'publish',
      'conn.connect',
      'invite.create',
      'status',
    ]) {
      expect(await answer(connection.call(name, [{}]))).toBe(
        `method:${name.replace('.', ',')} is not in list of allowed methods`,
      )
    }
    const session = await new EbtScript(guest).ended
    expect(session).toMatchObject({ code: 'REMOTE_ERROR' })
    const history = connection.source('createHistoryStream', [{ id: node.id }])
    expect(await answer(history.next())).toMatch(/is not in list of allowed methods/)
    const { network } = await node.status()
    expect(network.replication.peers.map(({ id }) => id)).toEqual([node.friend.id])
    await node.expectServing()
  })
})

describe('a machine of the local network', () => {
  const address = ({ publicKey }: Keys, port = 9000) =>
    `net:127.0.0.1:${port}~shs:${Buffer.from(publicKey).toString('base64')}`

  const packet = (text: string, { secretKey }: Keys, networkKey: Uint8Array = MAIN_NETWORK_KEY) => {
    const body = JSON.stringify({ address: text })
    const box = secretbox(Buffer.from(body), networkKey.subarray(0, 24), networkKey)
    const signed = Buffer.from(JSON.stringify({ address: text }, null, 2))
    return Buffer.concat([box, sign(signed, secretKey)])
  }

  async function socket(): Promise<Socket> {
    const made = createSocket('udp4')
    onTestFinished(() => void made.close())
    made.bind(0, '127.0.0.1')
    await once(made, 'listening')
    return made
  }

  /** Ports that nobody uses at the moment. */
  async function freePort(): Promise<number> {
    const made = createSocket('udp4')
    made.bind(0, '127.0.0.1')
    await once(made, 'listening')
    const { port } = made.address()
    await new Promise<void>((resolve) => made.close(resolve))
    return port
  }

  async function near() {
    const [lanPort, lanLegacyPort] = [await freePort(), await freePort()]
    const place = { lanHost: '127.0.0.1', lanBroadcast: '127.0.0.1', lanPort, lanLegacyPort }
    const node = await AttackedNode.start({ network: { ...place, allowPrivate: true } })
    const from = await socket()
    const say = (bytes: Uint8Array, port: number) =>
      new Promise<void>((resolve) => from.send(bytes, port, '127.0.0.1', () => resolve()))
    /** Announces again and again, as real ones do, until it is heard. */
    const untilStaged = async (keys: Keys) => {
      const text = address(keys)
      const timer = setInterval(() => void say(packet(text, keys), lanPort), 100)
      onTestFinished(() => clearInterval(timer))
      for await (const staged of node.api.source('conn.stagedPeers')) {
        if ((staged as [string, unknown][]).some(([staged]) => staged === text)) break
      }
      clearInterval(timer)
    }
    return { node, say, untilStaged, lanPort, lanLegacyPort }
  }

  test('that announces garbage, for others or for nobody is not believed', async () => {
    const { node, say, untilStaged, lanPort, lanLegacyPort } = await near()
    const [keys, other] = [generateKeys(), generateKeys()]
    const { id } = node
    const own = `net:127.0.0.1:8008~shs:${id.slice(1, -'.ed25519'.length)}`
    const forged = [
      Buffer.alloc(0),
      randomBytes(1),
      randomBytes(64),
      randomBytes(200),
      randomBytes(2_049),
      randomBytes(60_000),
      packet(address(keys), other),
      packet(address(keys), keys, Buffer.alloc(32, 5)),
      packet('no address', keys),
      packet(`${address(keys)};${address(other)}`, keys),
      packet(address(keys).replace('~shs', ''), keys),
      packet(`net:93.184.216.34:80~shs:${Buffer.from(keys.publicKey).toString('base64')}`, keys),
      packet(own, keys),
    ]
    for (const bytes of forged) await say(bytes, lanPort)
    const plain = [
      '',
      'hello',
      own,
      '['.repeat(2_000),
      'net:localhost:6379',
      '__proto__',
      '\0'.repeat(90),
    ]
    for (const text of plain) await say(Buffer.from(text), lanLegacyPort)
    await untilStaged(generateKeys())
    const staged = JSON.stringify(
      (await node.api.source('conn.stagedPeers').next()).value as unknown,
    )
    for (const { publicKey } of [keys, other]) {
      expect(staged).not.toContain(Buffer.from(publicKey).toString('base64'))
    }
    expect(staged).not.toContain(own)
    const { lanPackets } = (await node.status()).network.refused
    expect(lanPackets.unreadable).toBeGreaterThan(10)
    await node.expectServing()
  })

  test('that floods is heard some times a second, and others are heard all the same', async () => {
    const { node, say, untilStaged, lanPort, lanLegacyPort } = await near()
    for (let count = 0; count < 10_000; count++) {
      const keys = generateKeys()
      if (count % 2 === 0) await say(packet(address(keys, 9000 + (count % 1000)), keys), lanPort)
      else await say(Buffer.from(address(keys)), lanLegacyPort)
    }
    await node.statusWhere(({ network }) => network.refused.lanPackets.tooMany > 1_000)
    await untilStaged(generateKeys())
    const staged = (await node.api.source('conn.stagedPeers').next()).value as unknown[]
    expect(staged.length).toBeLessThanOrEqual(256)
    await node.expectServing()
  })
})

describe('addresses that are none', () => {
  const wrong = [
    null,
    7,
    true,
    '',
    'localhost',
    'net:localhost:8008',
    'net:host:99999~shs:AAAA',
    'net:host:8008~shs:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
    `net:${'x'.repeat(100_000)}:8008~shs:AAAA`,
    `${'~'.repeat(5_000)}`,
    `${'net:a:1;'.repeat(2_000)}`,
    'ssb:address/multiserver?multiserverAddress=%E0%A4%A',
    '../../etc/passwd',
    '__proto__',
    'constructor',
    [],
    ['net:host:8008~shs:AAAA'],
    {},
    { host: {}, port: [], key: 7 },
    { key: '__proto__', host: 'host', port: 1 },
    { address: { toString: 1 } },
  ]

  test('are refused by every method that takes one, and none of them is offered to peers', async () => {
    const node = await AttackedNode.start()
    const methods = [
      'conn.connect',
      'conn.remember',
      'conn.forget',
      'conn.stage',
      'conn.unstage',
      'conn.disconnect',
      'gossip.add',
      'gossip.get',
      'gossip.connect',
      'gossip.disconnect',
      'gossip.remove',
    ]
    for (const name of methods) {
      for (const address of wrong) {
        const text = `${name} ${JSON.stringify(address).slice(0, 60)}`
        expect(await answer(node.api.call(name, [address])), text).toBe('ADDRESS_INVALID')
      }
    }
    const { connection } = await node.dial()
    for (const name of methods) {
      expect(await answer(connection.call(name, [wrong[5]]))).toMatch(
        /is not in list of allowed methods/,
      )
    }
    expect(await node.api.call('conn.dbPeers')).toEqual([])
    await node.expectServing()
  })

  test('that lead nowhere end in an error, and what is said of them stays what it is', async () => {
    const node = await AttackedNode.start()
    const key = generateKeys().id.slice(1, -'.ed25519'.length)
    const nowhere = `net:127.0.0.1:1~shs:${key}`
    expect(await answer(node.api.call('conn.connect', [nowhere]))).toBe('CONNECT_FAILED')
    expect(await answer(node.api.call('conn.connect', [`onion:a.onion:1~shs:${key}`]))).toBe(
      'ADDRESS_UNSUPPORTED',
    )
    const own = `net:127.0.0.1:1~shs:${node.id.slice(1, -'.ed25519'.length)}`
    expect(await answer(node.api.call('conn.connect', [own]))).toBe('ADDRESS_SELF')
    const data = JSON.parse('{"__proto__":{"polluted":1},"constructor":2,"key":"@x","type":7}')
    expect(await answer(node.api.call('conn.remember', [nowhere, data]))).toBe('done')
    const [[text, entry]] = (await node.api.call('conn.dbPeers')) as [[string, { key: string }]]
    expect({ text, key: entry.key }).toEqual({ text: nowhere, key: `@${key}.ed25519` })
    const large = { note: 'x'.repeat(100_000) }
    expect(await answer(node.api.call('conn.remember', [nowhere, large]))).not.toBe('done')
    await node.expectServing()
  })
})
