import type { Socket } from 'node:net'
import type { ByteDuplex, ByteDuplexEvents } from './byte-duplex.js'

/** A socket as a pipe of bytes. The socket is the pipe's from here on. */
export function socketDuplex(socket: Socket): ByteDuplex {
  return {
    start(events: ByteDuplexEvents): void {
      // An error is always followed by `close`; without a listener it would end the process.
      socket.on('error', () => {})
      socket.on('data', (chunk: Buffer) => events.bytes(chunk))
      socket.on('end', () => events.end())
      socket.on('close', () => events.close())
    },
    write(bytes, done): void {
      socket.write(bytes, (error) => {
        if (error === undefined || error === null) done()
      })
    },
    pause(): void {
      socket.pause()
    },
    resume(): void {
      socket.resume()
    },
    end(): void {
      socket.end()
    },
    destroy(): void {
      socket.destroy()
    },
  }
}

/** Bytes that Node reads at once. A read that fills them is followed by the next, 32 times, before anything else of the thread has its turn. */
const READ_BYTES = 64 * 1024

/**
 * A pipe whose other side may send without end: after a full read the thread serves everything else
 * that is ready first. A whole burst at once kept local calls waiting for 100 ms and more.
 */
function takingTurns(pipe: ByteDuplex): ByteDuplex {
  let isPaused = false
  let isResting = false
  const rest = (): void => {
    isResting = true
    if (!isPaused) pipe.pause()
    setImmediate(() => {
      isResting = false
      if (!isPaused) pipe.resume()
    })
  }
  return {
    start: (events) =>
      pipe.start({
        ...events,
        bytes(chunk) {
          if (chunk.length >= READ_BYTES && !isResting) rest()
          events.bytes(chunk)
        },
      }),
    write: (bytes, done) => pipe.write(bytes, done),
    pause(): void {
      isPaused = true
      if (!isResting) pipe.pause()
    },
    resume(): void {
      isPaused = false
      if (!isResting) pipe.resume()
    },
    end: () => pipe.end(),
    destroy: () => pipe.destroy(),
  }
}

/** Quiet connections are probed, so that one whose other end lost its power is noticed. */
const KEEP_ALIVE_MS = 60_000

/** A TCP socket as a pipe of bytes. What is written in one turn comes in one piece, so that nothing is gained by waiting for more. */
export function tcpDuplex(socket: Socket): ByteDuplex {
  socket.setNoDelay(true)
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
  return takingTurns(socketDuplex(socket))
}
