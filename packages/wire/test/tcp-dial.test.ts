import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { BoxSealer } from '../src/box-stream.js'
import { ServerHandshake } from '../src/handshake.js'
import { loadHandshakeCrypto } from '../src/handshake-crypto.js'
import { methodTable } from '../src/index.js'
import { ManualTime } from './manual-time.js'
import { alice, bob, dialled, listening, networkKey } from './networked.js'
import { deferred } from './served.js'

/** A port behind which there is no peer. */
async function strangePort(onSocket: (socket: Socket) => void) {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    socket.on('error', () => {})
    sockets.add(socket)
    onSocket(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as { port: number }).port }
}

it('says that the network is another one', async () => {
  const server = await listening([])
  await expect(dialled(server, { networkKey: Buffer.alloc(32, 9) })).rejects.toMatchObject({
    code: 'HANDSHAKE_FAILED',
    message: expect.stringContaining('it has another network key, takes no more connections'),
  })
  expect(server.refused['handshake-failed']).toBe(1)
})

it('says that the identity is another one', async () => {
  const server = await listening([])
  await expect(dialled(server, { remoteKey: alice.publicKey })).rejects.toMatchObject({
    code: 'HANDSHAKE_FAILED',
    message: expect.stringContaining('another identity than the one dialled'),
    data: { fault: 'identity', remoteId: alice.id, port: server.port },
  })
})

it('says that it is not let in', async () => {
  const server = await listening([], { authorize: () => false })
  await expect(dialled(server)).rejects.toMatchObject({
    code: 'HANDSHAKE_FAILED',
    message: expect.stringContaining('does not let us in'),
  })
  expect(server.refused['not-admitted']).toBe(1)
})

it('asks which addresses a name may stand for, and not about an address', async () => {
  const server = await listening([])
  const asked: string[] = []
  const refuse = (address: string) => asked.push(address) < 0
  const refused = dialled(server, { host: 'localhost', mayResolveTo: refuse })
  await expect(refused).rejects.toMatchObject({
    code: 'CONNECT_FAILED',
    data: { reason: 'ADDRESS_REFUSED' },
  })
  expect(asked).toContain('127.0.0.1')
  const mayResolveTo = (address: string) => address === '127.0.0.1'
  expect((await dialled(server, { host: 'localhost', mayResolveTo })).remoteId).toBe(bob.id)
  expect((await dialled(server, { mayResolveTo: refuse })).remoteId).toBe(bob.id)
})

it('says that nobody listens', async () => {
  const server = await listening([])
  await server.close()
  await expect(dialled(server)).rejects.toMatchObject({
    code: 'CONNECT_FAILED',
    data: { reason: 'ECONNREFUSED' },
  })
})

it('says that something else listens', async () => {
  const http = await strangePort((socket) =>
    socket.end(`HTTP/1.1 400 Bad Request\r\n${'x'.repeat(99)}`),
  )
  await expect(dialled(http)).rejects.toMatchObject({
    code: 'HANDSHAKE_FAILED',
    message: expect.stringContaining('another network key, or is no peer'),
  })
})

it('gives up on a peer that says nothing', async () => {
  const time = new ManualTime()
  const greeted = deferred<void>()
  const silent = await strangePort((socket) => socket.once('data', () => greeted.resolve()))
  const attempt = dialled(silent, { timers: time, clock: time }).catch((error: unknown) => error)
  await greeted.promise
  time.advance(5_000)
  expect(await attempt).toMatchObject({ code: 'HANDSHAKE_TIMEOUT' })
})

it('gives up when it is told to', async () => {
  const silent = await strangePort(() => {})
  const control = new AbortController()
  const attempt = dialled(silent, { signal: control.signal }).catch((error: unknown) => error)
  control.abort()
  expect(await attempt).toMatchObject({ code: 'CONNECT_FAILED', data: { reason: 'ABORTED' } })
})

it('refuses an identity that is no key at all', async () => {
  const server = await listening([])
  const neutral = Buffer.from([1, ...Buffer.alloc(31)])
  await expect(dialled(server, { remoteKey: neutral })).rejects.toMatchObject({
    code: 'HANDSHAKE_FAILED',
  })
})

it('gives the peer before its first call, though that came with the end of the handshake', async () => {
  const crypto = await loadHandshakeCrypto()
  const body = Buffer.from('{"name":["hello"],"args":[]}')
  const call = Buffer.concat([Buffer.from([2, 0, 0, 0, body.length, 0, 0, 0, 1]), body])
  const eager = await strangePort((socket) => {
    const handshake = new ServerHandshake({ crypto, keys: bob, networkKey, authorize: () => true })
    let received = Buffer.alloc(0)
    const take = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.length < handshake.dueBytes) return
      const turn = handshake.take(received)
      received = Buffer.alloc(0)
      if (!turn.ok) throw turn.reason
      const { reply, session } = turn
      if (session === null) {
        socket.write(reply!)
        return
      }
      socket.off('data', take)
      const sealer = new BoxSealer(session.encryptKey, session.encryptNonce)
      socket.write(Buffer.concat([reply!, sealer.seal(call)]))
    }
    socket.on('data', take)
  })
  const events: string[] = []
  const called = deferred<void>()
  const handler = () => {
    events.push('called')
    called.resolve()
  }
  await dialled(eager, { methods: methodTable([{ name: 'hello', type: 'async', handler }]) })
  events.push('dialled')
  await called.promise
  expect(events).toEqual(['dialled', 'called'])
})
