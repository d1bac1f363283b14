/**
 * Frames of packet-stream, the framing under muxrpc.
 *
 * `u8 flags · u32 body length · i32 request number · body`, numbers big-endian.
 * flags: bit 3 stream, bit 2 end or error, bits 1–0 type of the body, high nibble 0.
 * A frame with length 0 says goodbye: nothing follows.
 *
 * `FrameReader` cuts a byte stream, in whatever pieces it comes, into frames. What a header
 * announces is judged before any of the body is kept, and memory grows only with bytes that came.
 * @source packet-stream-codec; PROTOCOL 2.3
 */

/** Bytes before the body. */
export const HEADER_BYTES = 9

export const STREAM_FLAG = 8
export const END_FLAG = 4
export const TYPE_MASK = 3
export const BINARY_BODY = 0
export const TEXT_BODY = 1
export const JSON_BODY = 2

/** Writes a header at `at`; returns where the body goes. */
export function writeHeader(
  target: Buffer,
  at: number,
  flags: number,
  bodyBytes: number,
  number: number,
): number {
  target[at] = flags
  target[at + 1] = bodyBytes >>> 24
  target[at + 2] = bodyBytes >>> 16
  target[at + 3] = bodyBytes >>> 8
  target[at + 4] = bodyBytes
  target[at + 5] = number >>> 24
  target[at + 6] = number >>> 16
  target[at + 7] = number >>> 8
  target[at + 8] = number
  return at + HEADER_BYTES
}

/** One frame in memory of its own. `body` is copied and must not be empty. */
export function encodeFrame(flags: number, number: number, body: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + body.length)
  writeHeader(frame, 0, flags, body.length, number)
  frame.set(body, HEADER_BYTES)
  return frame
}

/** The frame that says that nothing follows. */
export const GOODBYE_FRAME: Uint8Array = new Uint8Array(HEADER_BYTES)

/** `take`: deliver the frame. `skip`: drop its body as it comes. `refuse`: stop reading for good. */
export type FrameVerdict = 'take' | 'skip' | 'refuse'

/** Who takes the frames. */
export interface FrameHandler {
  /** Judges by the header alone. May be asked twice about one frame: when its header is there, and when it is whole. */
  judge(flags: number, bodyBytes: number, number: number): FrameVerdict
  /** A whole frame; the body is `bytes[start, end)`. Its header before it and all bytes of it are the handler's to overwrite. */
  frame(flags: number, number: number, bytes: Buffer, start: number, end: number): void
  goodbye(): void
}

/** Cuts bytes into frames. */
export class FrameReader {
  #handler: FrameHandler
  #kept: Buffer[] = []
  #keptBytes = 0
  /** Bytes to have before looking again. */
  #wantedBytes = HEADER_BYTES
  #skipBytes = 0
  #isDone = false

  constructor(handler: FrameHandler) {
    this.#handler = handler
  }

  /** Bytes of a frame that is not whole yet, skipped ones excluded; 0 between frames. */
  get partialBytes(): number {
    return this.#keptBytes
  }

  /** True while a frame has begun and not ended. */
  get isInsideFrame(): boolean {
    return this.#keptBytes > 0 || this.#skipBytes > 0
  }

  /** Ends reading: what comes from here on is dropped. */
  stop(): void {
    this.#isDone = true
    this.#kept = []
    this.#keptBytes = 0
  }

  /**
   * Takes the next bytes, which are the reader's from here on. Handler calls happen inside. Of a
   * frame that is cut by their edge, only its own bytes are copied.
   */
  push(chunk: Buffer): void {
    let from = 0
    while (!this.#isDone && from < chunk.length) {
      if (this.#skipBytes > 0) {
        const skipped = Math.min(this.#skipBytes, chunk.length - from)
        this.#skipBytes -= skipped
        from += skipped
      } else if (this.#keptBytes > 0) {
        from += this.#complete(chunk, from)
      } else {
        this.#cut(chunk, from)
        return
      }
    }
  }

  /** Adds what is still wanted of the kept frame; gives how many bytes that were. */
  #complete(chunk: Buffer, from: number): number {
    const added = chunk.subarray(from, from + this.#wantedBytes - this.#keptBytes)
    this.#kept.push(added)
    this.#keptBytes += added.length
    if (this.#keptBytes === this.#wantedBytes) {
      const bytes = Buffer.concat(this.#kept, this.#keptBytes)
      this.#kept = []
      this.#keptBytes = 0
      this.#cut(bytes, 0)
    }
    return added.length
  }

  #cut(bytes: Buffer, from: number): void {
    let at = from
    while (!this.#isDone) {
      const left = bytes.length - at
      if (left === 0) return
      if (left < HEADER_BYTES) {
        this.#keep(bytes, at, HEADER_BYTES)
        return
      }
      const flags = bytes[at]!
      const bodyBytes = bytes.readUInt32BE(at + 1)
      const number = bytes.readInt32BE(at + 5)
      if (bodyBytes === 0) {
        this.stop()
        this.#handler.goodbye()
        return
      }
      const verdict = this.#handler.judge(flags, bodyBytes, number)
      if (verdict === 'refuse') {
        this.stop()
        return
      }
      const end = at + HEADER_BYTES + bodyBytes
      if (verdict === 'skip') {
        if (end > bytes.length) {
          this.#skipBytes = end - bytes.length
          return
        }
      } else {
        if (end > bytes.length) {
          this.#keep(bytes, at, HEADER_BYTES + bodyBytes)
          return
        }
        this.#handler.frame(flags, number, bytes, at + HEADER_BYTES, end)
      }
      at = end
    }
  }

  #keep(bytes: Buffer, at: number, wantedBytes: number): void {
    const rest = at === 0 ? bytes : bytes.subarray(at)
    this.#kept.push(rest)
    this.#keptBytes = rest.length
    this.#wantedBytes = wantedBytes
  }
}
