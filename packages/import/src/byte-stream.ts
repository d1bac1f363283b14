/**
 * Reads a file, plain or gzip, in windows of about a MiB, one read ahead of the reader.
 *
 * Two buffers take turns. Each has room in front for what the reader left over, so a record that
 * crosses two reads lies in one piece; the bytes of a window hold until the next one is asked for.
 *
 *   | left over, at most carryBytes | fresh bytes, at most chunkBytes |
 *
 * gzip is inflated by hand, a small piece of input at a time: a stream that ends in an error drops
 * what it still holds, and everything before the damage should count.
 */
import { once } from 'node:events'
import { type FileHandle, open } from 'node:fs/promises'
import { createGunzip, type Gunzip } from 'node:zlib'
import { unreadable } from './error.js'

/** How the bytes came to an end. */
export type StreamEnd = 'whole' | 'truncated' | 'damaged'

/** Bytes from begin to end. */
export interface ByteStream {
  /** Offset of the next byte in the uncompressed content. */
  readonly offset: number
  /** Bytes taken from the file on disk. */
  readonly progressBytes: number
  /** How it ended; says `whole` until the end is reached. */
  readonly end: StreamEnd
  /** Fills `target` from `at` as far as there are bytes; fewer only at the end. Resolves with how many. */
  read(target: Buffer, at: number): Promise<number>
  close(): Promise<void>
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (error) {
    throw unreadable(path, error)
  }
}

class PlainBytes implements ByteStream {
  readonly end = 'whole'
  offset: number
  readonly #file: FileHandle
  readonly #path: string

  constructor(file: FileHandle, path: string, offset: number) {
    this.#file = file
    this.#path = path
    this.offset = offset
  }

  get progressBytes(): number {
    return this.offset
  }

  async read(target: Buffer, at: number): Promise<number> {
    let filled = at
    while (filled < target.length) {
      const { bytesRead } = await this.#file
        .read(target, filled, target.length - filled, this.offset)
        .catch((error: unknown) => {
          throw unreadable(this.#path, error)
        })
      if (bytesRead === 0) break
      filled += bytesRead
      this.offset += bytesRead
    }
    return filled - at
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

/** Compressed bytes a step; what one step inflates to is held in memory, at most some 1,000 times that. */
const GZIP_INPUT_BYTES = 16 * 1024
/** Inflated bytes a call of zlib; what a call gave before it met damage is lost with it. */
const GZIP_OUTPUT_BYTES = 64 * 1024

class GzipBytes implements ByteStream {
  offset = 0
  end: StreamEnd = 'whole'
  readonly #input: ByteStream
  readonly #gunzip: Gunzip
  readonly #pieces: Buffer[] = []
  #isEnded = false

  constructor(input: ByteStream) {
    this.#input = input
    this.#gunzip = createGunzip({ chunkSize: GZIP_OUTPUT_BYTES })
    this.#gunzip.on('data', (piece: Buffer) => this.#pieces.push(piece))
    // Errors are taken where they are awaited; one that nobody awaits must not end the process.
    this.#gunzip.on('error', () => {})
  }

  get progressBytes(): number {
    return this.#input.progressBytes
  }

  async #inflate(): Promise<void> {
    const input = Buffer.allocUnsafe(GZIP_INPUT_BYTES)
    const count = await this.#input.read(input, 0)
    try {
      if (count > 0) {
        await new Promise<void>((resolve, reject) => {
          // Damage destroys the stream, and then the callback of the write never comes.
          this.#gunzip.once('error', reject)
          this.#gunzip.write(input.subarray(0, count), () => {
            this.#gunzip.off('error', reject)
            resolve()
          })
        })
      } else {
        const ended = once(this.#gunzip, 'end')
        this.#gunzip.end()
        await ended
        this.#isEnded = true
      }
    } catch (error) {
      this.#isEnded = true
      const { code } = error as { code?: unknown }
      this.end = code === 'Z_BUF_ERROR' ? 'truncated' : 'damaged'
    }
  }

  async read(target: Buffer, at: number): Promise<number> {
    let filled = at
    while (filled < target.length) {
      const piece = this.#pieces[0]
      if (piece === undefined) {
        if (this.#isEnded) break
        await this.#inflate()
        continue
      }
      const count = piece.copy(target, filled)
      filled += count
      if (count === piece.length) this.#pieces.shift()
      else this.#pieces[0] = piece.subarray(count)
    }
    this.offset += filled - at
    return filled - at
  }

  async close(): Promise<void> {
    this.#gunzip.destroy()
    await this.#input.close()
  }
}

/**
 * The bytes of a file from an offset on.
 * @throws {SOURCE_MISSING | SOURCE_UNREADABLE}
 */
export async function openBytes(path: string, offset: number): Promise<ByteStream> {
  return new PlainBytes(await openFile(path), path, offset)
}

/**
 * The inflated bytes of a gzip file, from an offset in them on, for which everything before is
 * inflated and dropped. Members one behind the other are read as one.
 * @throws {SOURCE_MISSING | SOURCE_UNREADABLE}
 */
export async function openGzipBytes(path: string, offset: number): Promise<ByteStream> {
  const stream = new GzipBytes(await openBytes(path, 0))
  const dropped = Buffer.allocUnsafe(GZIP_OUTPUT_BYTES)
  for (let left = offset; left > 0; ) {
    const start = Math.max(0, dropped.length - left)
    const count = await stream.read(dropped, start)
    if (count === 0) break
    left -= count
  }
  return stream
}

/** A piece of the content. */
export interface Window {
  /** `bytes[start]` to the end of `bytes` are there to be read. */
  readonly bytes: Buffer
  readonly start: number
  /** Offset of `bytes[start]` in the content. */
  readonly offset: number
  readonly progressBytes: number
  /** Nothing follows. */
  readonly isLast: boolean
  /** Set by the reader: where the part begins that the next window should bring again. */
  keepFrom: number
}

/** The content in windows. The reader may keep at most `carryBytes`. Closes the stream at the end. */
export async function* windows(
  stream: ByteStream,
  chunkBytes: number,
  carryBytes: number,
): AsyncGenerator<Window, void, void> {
  let front = Buffer.allocUnsafeSlow(carryBytes + chunkBytes)
  let back = Buffer.allocUnsafeSlow(carryBytes + chunkBytes)
  let start = carryBytes
  let offset = stream.offset
  let reading = stream.read(front, carryBytes)
  try {
    for (;;) {
      const count = await reading
      const progressBytes = stream.progressBytes
      const isLast = carryBytes + count < front.length
      if (!isLast) {
        reading = stream.read(back, carryBytes)
        // A failure is thrown where it is awaited, also when the reader leaves before that.
        reading.catch(() => {})
      }
      const bytes = front.subarray(0, carryBytes + count)
      const window: Window = { bytes, start, offset, progressBytes, isLast, keepFrom: bytes.length }
      yield window
      if (isLast) return
      const kept = bytes.length - window.keepFrom
      offset += window.keepFrom - start
      start = carryBytes - kept
      bytes.copy(back, start, window.keepFrom)
      const spent = front
      front = back
      back = spent
    }
  } finally {
    await reading.catch(() => {})
    await stream.close()
  }
}
