import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import codec from 'packet-stream-codec'
import { onTestFinished } from 'vitest'

/** One frame as the reference codec reads it. */
export interface SeenFrame {
  readonly req: number
  readonly stream: boolean
  readonly end: boolean
  readonly value: unknown
  readonly bodyBytes: number
}

/** A client that sends what bytes it likes. */
export class ScriptedClient {
  readonly #socket: Socket
  readonly frames: SeenFrame[] = []
  receivedBytes = 0
  isClosed = false
  readonly closed: Promise<void>
  #bytes: Buffer = Buffer.alloc(0)
  #waiting: (() => void) | null = null

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', () => {})
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.isClosed = true
        this.#waiting?.()
        resolve()
      })
    })
    onTestFinished(() => {
      socket.destroy()
    })
  }

  static async connect(path: string, { reads = true } = {}): Promise<ScriptedClient> {
    const socket = createConnection({ path })
    await once(socket, 'connect')
    const client = new ScriptedClient(socket)
    if (reads) client.read()
    return client
  }

  /** Begins to read. */
  read(): void {
    this.#socket.on('data', (chunk: Buffer) => this.#take(chunk))
  }

  send(...pieces: readonly Uint8Array[]): void {
    this.#socket.write(Buffer.concat(pieces))
  }

  /** Resolves when the kernel has taken the bytes. */
  async sendAll(bytes: Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#socket.write(bytes, () => resolve())
    })
  }

  vanish(): void {
    this.#socket.destroy()
  }

  /** The frame at this position, when it has come; undefined where the connection ended before. */
  async frame(index: number): Promise<SeenFrame | undefined> {
    while (this.frames.length <= index && !this.isClosed) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve
      })
    }
    return this.frames[index]
  }

  #take(chunk: Buffer): void {
    this.receivedBytes += chunk.length
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    while (this.#bytes.length >= 9) {
      const head = codec.decodeHead(this.#bytes.subarray(0, 9))
      const end = 9 + (head.length ?? 0)
      if (this.#bytes.length < end) break
      const {
        req,
        stream,
        end: isEnd,
        value,
      } = end === 9
        ? { ...head, value: 'GOODBYE' }
        : codec.decodeBody(this.#bytes.subarray(9, end), head)
      this.frames.push({ req, stream, end: isEnd, value, bodyBytes: end - 9 })
      this.#bytes = this.#bytes.subarray(end)
    }
    this.#waiting?.()
  }
}

/** A frame as the reference codec writes it. */
export function frameOf(req: number, stream: boolean, end: boolean, value: unknown): Buffer {
  const [head, body] = codec.encodePair({ req, stream, end, value })
  return Buffer.concat(body === null ? [head] : [head, body])
}

/** A request as muxrpc sends it. */
export function requestOf(
  req: number,
  name: unknown,
  type: string,
  args: readonly unknown[] = [],
): Buffer {
  return frameOf(req, type !== 'async', false, { name, args, type })
}

/** Nine bytes and whatever body. */
export function rawFrame(flags: number, length: number, req: number, body: Uint8Array): Buffer {
  const head = Buffer.alloc(9)
  head[0] = flags
  head.writeUInt32BE(length, 1)
  head.writeInt32BE(req, 5)
  return Buffer.concat([head, body])
}
