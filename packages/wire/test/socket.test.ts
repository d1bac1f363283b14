import { once } from 'node:events'
import { createConnection, createServer, type Socket } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { tcpDuplex } from '../src/socket.js'

const KIB = 1024
/** Far more than a thread reads in one go while a socket is full. */
const BURST = Buffer.alloc(4096 * KIB, 'abcdefg')

/** Both ends of one connection. */
async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const near = createConnection(address.port, '127.0.0.1')
  const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [
    [Socket],
    unknown,
  ]
  onTestFinished(() => {
    for (const each of [near, far, server]) 'destroy' in each ? each.destroy() : each.close()
  })
  return [near, far]
}

it('lets the rest of its thread have a turn while a peer sends without end', async () => {
  const [near, far] = await socketPair()
  const received: Buffer[] = []
  let inTurn = 0
  let mostInTurn = 0
  const isOver = new Promise<void>((resolve) => {
    tcpDuplex(near).start({
      bytes(chunk) {
        received.push(chunk)
        if (inTurn === 0) {
          setImmediate(() => {
            inTurn = 0
          })
        }
        inTurn += chunk.length
        mostInTurn = Math.max(mostInTurn, inTurn)
      },
      end: resolve,
      broken: () => {},
      close: () => {},
    })
  })
  far.end(BURST)
  await isOver
  expect(mostInTurn).toBeLessThanOrEqual(128 * KIB)
  expect(Buffer.concat(received).equals(BURST)).toBe(true)
})

it('stays paused for as long as its user wants', async () => {
  const [near, far] = await socketPair()
  const pipe = tcpDuplex(near)
  let receivedBytes = 0
  let isPaused = false
  const isOver = new Promise<void>((resolve) => {
    pipe.start({
      bytes(chunk) {
        expect(isPaused).toBe(false)
        receivedBytes += chunk.length
        isPaused = true
        pipe.pause()
        setImmediate(() =>
          setImmediate(() => {
            isPaused = false
            pipe.resume()
          }),
        )
      },
      end: resolve,
      broken: () => {},
      close: () => {},
    })
  })
  far.end(BURST)
  await isOver
  expect(receivedBytes).toBe(BURST.length)
})
