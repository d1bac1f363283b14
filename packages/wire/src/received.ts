/**
 * Bodies as they came, not parsed yet.
 *
 * Consecutive items of one stream lie in one piece of memory, each with its header before it:
 * `header · body · header · body …`. To parse them all at once the headers are overwritten with
 * `[` or `,` and spaces, so that the very bytes read `[ body, body …` and one `JSON.parse` does
 * it. That is sound because `scanJson` passed each body: none can reach into its neighbour.
 */
import { WireError } from './errors.js'
import { BINARY_BODY, HEADER_BYTES, JSON_BODY } from './frame.js'
import { scanJson } from './json-scan.js'

const SPACE = 0x20
const COMMA = 0x2c
const OPEN = 0x5b
const NEWLINE = 0x0a

/** One body. */
export class ReceivedBody {
  readonly type: number
  readonly bytes: Buffer

  constructor(type: number, bytes: Buffer) {
    this.type = type
    this.bytes = bytes
  }

  /**
   * The value: a string, bytes (a view, not a copy) or what the JSON says.
   * @throws {BAD_JSON}
   */
  parse(maxDepth: number): unknown {
    return parseBody(this.type, this.bytes, 0, this.bytes.length, maxDepth)
  }
}

/** Consecutive items of one stream, in order, as bytes. */
export class ReceivedBatch {
  readonly #bytes: Buffer
  readonly #maxDepth: number
  /** Start, end and type of each body. */
  readonly #bodies: number[] = []
  #bodyBytes = 0
  #isAllJson = true

  constructor(bytes: Buffer, maxDepth: number) {
    this.#bytes = bytes
    this.#maxDepth = maxDepth
  }

  /** How many items. */
  get count(): number {
    return this.#bodies.length / 3
  }

  /** What the items took on the wire, headers included. */
  get sizeBytes(): number {
    return this.#bodyBytes + this.count * HEADER_BYTES
  }

  /** True where `bytes` is the memory that this batch lies in. */
  isIn(bytes: Buffer): boolean {
    return this.#bytes === bytes
  }

  /** Adds the body at `[start, end)`, which must lie behind those added before, with its header before it. */
  add(type: number, start: number, end: number): void {
    this.#bodies.push(start, end, type)
    this.#bodyBytes += end - start
    if (type !== JSON_BODY) this.#isAllJson = false
  }

  /** The bytes of one item; a view that keeps all memory of the batch alive. */
  body(index: number): Buffer {
    return this.#bytes.subarray(this.#bodies[index * 3], this.#bodies[index * 3 + 1])
  }

  /** True where an item is JSON; bytes and text are not. */
  isJson(index: number): boolean {
    return this.#bodies[index * 3 + 2] === JSON_BODY
  }

  /** All items, each with a newline behind it, in memory of their own: JSON lines, where all are JSON. */
  lines(): Buffer {
    const target = Buffer.allocUnsafe(this.#bodyBytes + this.count)
    let at = 0
    for (let i = 0; i < this.#bodies.length; i += 3) {
      at += this.#bytes.copy(target, at, this.#bodies[i]!, this.#bodies[i + 1]!)
      target[at++] = NEWLINE
    }
    return target
  }

  /**
   * The values, in order: strings, bytes (views, not copies) or what the JSON says.
   * @throws {BAD_JSON} where one of them is no JSON or too deep
   */
  parse(): unknown[] {
    if (this.#isAllJson && this.count > 1) {
      const together = this.#parseTogether()
      if (together !== null) return together
    }
    const values: unknown[] = []
    for (let i = 0; i < this.#bodies.length; i += 3) {
      const type = this.#bodies[i + 2]!
      const start = this.#bodies[i]!
      values.push(parseBody(type, this.#bytes, start, this.#bodies[i + 1]!, this.#maxDepth))
    }
    return values
  }

  #parseTogether(): unknown[] | null {
    const bytes = this.#bytes
    const bodies = this.#bodies
    for (let i = 0; i < bodies.length; i += 3) {
      if (scanJson(bytes, bodies[i]!, bodies[i + 1]!, this.#maxDepth) !== 'ok') return null
    }
    const first = bodies[0]! - 1
    bytes[first] = OPEN
    for (let i = 3; i < bodies.length; i += 3) {
      const start = bodies[i]!
      for (let at = bodies[i - 2]! + 1; at < start; at++) bytes[at] = SPACE
      bytes[bodies[i - 2]!] = COMMA
    }
    const end = bodies[bodies.length - 2]!
    try {
      const values: unknown = JSON.parse(`${bytes.toString('utf8', first, end)}]`)
      return Array.isArray(values) && values.length === this.count ? values : null
    } catch {
      return null
    }
  }
}

function parseBody(
  type: number,
  bytes: Buffer,
  start: number,
  end: number,
  maxDepth: number,
): unknown {
  if (type === BINARY_BODY) return bytes.subarray(start, end)
  if (type !== JSON_BODY) return bytes.toString('utf8', start, end)
  if (scanJson(bytes, start, end, maxDepth) === 'deep') {
    throw new WireError('BAD_JSON', `JSON nested deeper than ${maxDepth} levels`, { maxDepth })
  }
  try {
    return JSON.parse(bytes.toString('utf8', start, end))
  } catch {
    throw new WireError('BAD_JSON', `${end - start} bytes that should be JSON are not`)
  }
}
