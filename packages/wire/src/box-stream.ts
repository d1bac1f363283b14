/**
 * The encrypted stream behind the handshake, both directions.
 *
 * A packet carries 1 to 4,096 bytes: `box(n, u16 length · mac) · cipher`, where mac and cipher are
 * the body boxed with nonce n + 1; then n grows by 2. Nonces are 24-byte big-endian counters. A
 * header that opens to zeros ends its direction; without it the stream was cut off.
 *
 * Sealing writes each body's box 18 bytes into the packet, so that its cipher lies where it
 * belongs, moves the mac into the header and boxes the header over it. Opening does the reverse
 * and opens each body to where the one before it ends, in the received memory itself, so that what
 * came together lies together.
 * @source PROTOCOL 2.2, pull-box-stream
 */
import { secretboxInto, secretboxOpenInto } from '@dunbar/core'
import { WireError } from './errors.js'

const MAC_BYTES = 16
const LENGTH_BYTES = 2
const HEADER_BYTES = LENGTH_BYTES + MAC_BYTES
const BOXED_HEADER_BYTES = HEADER_BYTES + MAC_BYTES
/** Where a body's box begins in its packet: its mac ends where the boxed header does. */
const BODY_BOX_AT = BOXED_HEADER_BYTES - MAC_BYTES
const MAX_BODY_BYTES = 4096

/** Seals one direction. */
export class BoxSealer {
  readonly #key: Uint8Array
  readonly #headerNonce: Buffer
  readonly #bodyNonce: Buffer
  readonly #header = Buffer.alloc(HEADER_BYTES)

  /** @param nonce 24 bytes, copied */
  constructor(key: Uint8Array, nonce: Uint8Array) {
    this.#key = key
    this.#headerNonce = Buffer.from(nonce)
    this.#bodyNonce = Buffer.from(nonce)
    increment(this.#bodyNonce)
  }

  /** The bytes as packets, in memory of their own; all full but the last. */
  seal(bytes: Uint8Array): Buffer {
    const packetCount = Math.ceil(bytes.length / MAX_BODY_BYTES)
    const sealed = Buffer.allocUnsafe(bytes.length + packetCount * BOXED_HEADER_BYTES)
    let at = 0
    for (let from = 0; from < bytes.length; from += MAX_BODY_BYTES) {
      const body = bytes.subarray(from, from + MAX_BODY_BYTES)
      const end = at + BOXED_HEADER_BYTES + body.length
      const box = sealed.subarray(at + BODY_BOX_AT, end)
      secretboxInto(box, body, this.#bodyNonce, this.#key)
      this.#header.writeUInt16BE(body.length, 0)
      this.#header.set(box.subarray(0, MAC_BYTES), LENGTH_BYTES)
      this.#sealHeader(sealed.subarray(at, at + BOXED_HEADER_BYTES))
      at = end
    }
    return sealed
  }

  /** The packet that says that nothing follows. */
  goodbye(): Buffer {
    const sealed = Buffer.allocUnsafe(BOXED_HEADER_BYTES)
    this.#header.fill(0)
    this.#sealHeader(sealed)
    return sealed
  }

  #sealHeader(target: Buffer): void {
    secretboxInto(target, this.#header, this.#headerNonce, this.#key)
    stepNonces(this.#headerNonce, this.#bodyNonce)
  }
}

/** Opens one direction, in whatever pieces it comes. */
export class BoxOpener {
  /** What ended it: the other side's goodbye, or why it is of no use. */
  end: 'goodbye' | WireError | null = null
  readonly #key: Uint8Array
  readonly #headerNonce: Buffer
  readonly #bodyNonce: Buffer
  readonly #header = Buffer.alloc(HEADER_BYTES)
  #kept: Buffer[] = []
  #keptBytes = 0
  /** Bytes of the body whose header is open; 0 where a header is due. */
  #bodyBytes = 0

  /** @param nonce 24 bytes, copied */
  constructor(key: Uint8Array, nonce: Uint8Array) {
    this.#key = key
    this.#headerNonce = Buffer.from(nonce)
    this.#bodyNonce = Buffer.from(nonce)
    increment(this.#bodyNonce)
  }

  /**
   * Takes the next bytes, which are the opener's from here on, and gives what they open to, in one
   * or two pieces: of a packet that is cut by their edge, only its own bytes are copied. To be
   * called no more once `end` is set.
   */
  open(chunk: Buffer): readonly Buffer[] {
    const opened: Buffer[] = []
    let from = 0
    while (this.#keptBytes > 0 && this.end === null) {
      const added = chunk.subarray(from, from + this.#dueBytes - this.#keptBytes)
      this.#kept.push(added)
      this.#keptBytes += added.length
      from += added.length
      if (this.#keptBytes < this.#dueBytes) return opened
      const bytes = Buffer.concat(this.#kept, this.#keptBytes)
      this.#kept = []
      this.#keptBytes = 0
      this.#openPackets(bytes, opened)
    }
    if (this.end === null && from < chunk.length) this.#openPackets(chunk.subarray(from), opened)
    return opened
  }

  /** Opens the packets that are whole, and keeps what lies behind them. */
  #openPackets(bytes: Buffer, opened: Buffer[]): void {
    let at = 0
    let openedBytes = 0
    while (this.end === null && bytes.length - at >= this.#dueBytes) {
      if (this.#bodyBytes === 0) {
        this.#openHeader(bytes.subarray(at, at + BOXED_HEADER_BYTES))
      } else {
        const end = at + this.#dueBytes
        const body = bytes.subarray(openedBytes, openedBytes + this.#bodyBytes)
        if (this.#openBody(bytes.subarray(at + BODY_BOX_AT, end), body)) openedBytes += body.length
        at = end
      }
    }
    if (this.end === null && at < bytes.length) {
      this.#kept.push(bytes.subarray(at))
      this.#keptBytes = bytes.length - at
    }
    if (openedBytes > 0) opened.push(bytes.subarray(0, openedBytes))
  }

  /** Of the packet that is due: its boxed header, and its body once the header is open. */
  get #dueBytes(): number {
    return BOXED_HEADER_BYTES + this.#bodyBytes
  }

  #openHeader(boxed: Buffer): void {
    const header = this.#header
    if (!secretboxOpenInto(header, boxed, this.#headerNonce, this.#key)) {
      this.#refuse('the header of a packet is forged or damaged')
      return
    }
    const bodyBytes = header.readUInt16BE(0)
    if (bodyBytes === 0 && header.every((byte) => byte === 0)) this.end = 'goodbye'
    else if (bodyBytes >= 1 && bodyBytes <= MAX_BODY_BYTES) this.#bodyBytes = bodyBytes
    else this.#refuse(`a packet of ${bodyBytes} bytes, where 1 to ${MAX_BODY_BYTES} are allowed`)
  }

  #openBody(box: Buffer, target: Buffer): boolean {
    box.set(this.#header.subarray(LENGTH_BYTES), 0)
    const isOpen = secretboxOpenInto(target, box, this.#bodyNonce, this.#key)
    if (!isOpen) this.#refuse('a packet is forged or damaged')
    stepNonces(this.#headerNonce, this.#bodyNonce)
    this.#bodyBytes = 0
    return isOpen
  }

  #refuse(text: string): void {
    this.end = new WireError('BAD_BOX', text)
  }
}

function stepNonces(headerNonce: Buffer, bodyNonce: Buffer): void {
  increment(bodyNonce)
  bodyNonce.copy(headerNonce)
  increment(bodyNonce)
}

/** Adds one to a big-endian number. */
function increment(nonce: Buffer): void {
  for (let at = nonce.length - 1; at >= 0; at--) {
    const byte = (nonce[at]! + 1) & 0xff
    nonce[at] = byte
    if (byte !== 0) return
  }
}
