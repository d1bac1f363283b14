/**
 * Bodies as they came, not parsed yet. Consecutive items of one stream lie in one piece of memory.
 * Each is parsed by itself: the short strings that takes are cheaper than one long one.
 */
import { WireError } from './errors.js'
import { BINARY_BODY, HEADER_BYTES, JSON_BODY } from './frame.js'
import { isDeeperThan } from './json-depth.js'

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
    const values: unknown[] = []
    for (let i = 0; i < this.#bodies.length; i += 3) {
      const type = this.#bodies[i + 2]!
      const start = this.#bodies[i]!
      values.push(parseBody(type, this.#bytes, start, this.#bodies[i + 1]!, this.#maxDepth))
    }
    return values
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
  const text = bytes.toString('utf8', start, end)
  if (type !== JSON_BODY) return text
  if (isDeeperThan(text, maxDepth)) {
    throw new WireError('BAD_JSON', `JSON nested deeper than ${maxDepth} levels`, { maxDepth })
  }
  try {
    return JSON.parse(text)
  } catch {
    throw new WireError('BAD_JSON', `${end - start} bytes that should be JSON are not`)
  }
}
