/**
 * Prints a BIPF value as JSON text, from bytes to bytes, in the order of the file.
 *
 *   value = varint(length << 3 | type) · content
 *   0 string · 1 buffer · 2 int32le · 3 doublele · 4 array · 5 object (key, value, …) · 6 null/bool
 *
 * The bytes come from a disk. npm `bipf`'s decoder believes the lengths in them: one flipped bit can
 * make it go back and never end; it also drops members named `__proto__`. So the walk is done here,
 * with every length checked against the value that holds it; tests compare the two.
 *
 * @source ssbc/bipf-spec
 */

/** JSON text is at most this many times as long as its BIPF, and so many bytes more. */
const MAX_GROWTH = 6
const SLACK_BYTES = 32

/** A message of 8,192 UTF-16 units, printed with its indents, can't be nested half as deep. */
const MAX_DEPTH = 256

const STRING = 0
const INT = 2
const DOUBLE = 3
const ARRAY = 4
const OBJECT = 5
const BOOLNULL = 6

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c

/** Bytes that the text of a BIPF value of this size may need. */
export function maxTextBytes(bipfBytes: number): number {
  return bipfBytes * MAX_GROWTH + SLACK_BYTES
}

/** Why a walk ended early. */
type Fault = 'DAMAGED' | 'UNKNOWN_FORMAT'

class Walk {
  readonly bytes: Buffer
  readonly out: Buffer
  /** Next byte to be read, next byte to be written. */
  at: number
  written: number
  fault: Fault = 'DAMAGED'

  constructor(bytes: Buffer, at: number, out: Buffer, written: number) {
    this.bytes = bytes
    this.at = at
    this.out = out
    this.written = written
  }

  /** The varint at the place, which must end before `end`; -1 where it doesn't or is longer than four bytes. */
  tag(end: number): number {
    let value = 0
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.at >= end) return -1
      const byte = this.bytes[this.at++]!
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    return -1
  }

  ascii(text: string): void {
    for (let i = 0; i < text.length; i++) this.out[this.written++] = text.charCodeAt(i)
  }

  string(length: number): void {
    const { bytes, out } = this
    const end = this.at + length
    let to = this.written
    out[to++] = QUOTE
    for (let at = this.at; at < end; at++) {
      const byte = bytes[at]!
      if (byte < 0x20 || byte === QUOTE || byte === BACKSLASH) {
        to += out.write(JSON.stringify(String.fromCharCode(byte)).slice(1, -1), to, 'latin1')
      } else {
        out[to++] = byte
      }
    }
    out[to++] = QUOTE
    this.at = end
    this.written = to
  }

  /** Writes the value at the place, which must end before `end`. */
  value(end: number, depth: number): boolean {
    const tag = this.tag(end)
    if (tag === -1) return false
    const type = tag & 7
    const length = tag >>> 3
    const valueEnd = this.at + length
    if (valueEnd > end) return false
    switch (type) {
      case STRING:
        this.string(length)
        return true
      case INT:
        if (length !== 4) return false
        this.ascii(String(this.bytes.readInt32LE(this.at)))
        break
      case DOUBLE: {
        if (length !== 8) return false
        const number = this.bytes.readDoubleLE(this.at)
        this.ascii(Number.isFinite(number) ? String(number) : 'null')
        break
      }
      case BOOLNULL: {
        if (length > 1 || (length === 1 && this.bytes[this.at]! > 2)) return false
        const byte = length === 0 ? 2 : this.bytes[this.at]
        this.ascii(byte === 0 ? 'false' : byte === 1 ? 'true' : 'null')
        break
      }
      case ARRAY:
      case OBJECT:
        return depth < MAX_DEPTH && this.members(type === OBJECT, valueEnd, depth)
      default:
        // Classic messages hold no buffers; formats that do are printed by nobody as JSON.
        this.fault = type === 1 ? 'UNKNOWN_FORMAT' : 'DAMAGED'
        return false
    }
    this.at = valueEnd
    return true
  }

  members(isObject: boolean, end: number, depth: number): boolean {
    this.ascii(isObject ? '{' : '[')
    let isFirst = true
    while (this.at < end) {
      const before = this.written
      if (!isFirst) this.out[this.written++] = COMMA
      if (isObject) {
        const keyTag = this.tag(end)
        if (keyTag === -1 || (keyTag & 7) !== STRING || this.at + (keyTag >>> 3) > end) return false
        this.string(keyTag >>> 3)
        this.ascii(':')
        if (this.isUndefined(end)) {
          // JSON has no word for a member whose value is undefined, and leaves it out.
          this.at += 2
          this.written = before
          continue
        }
      }
      if (!this.value(end, depth + 1)) return false
      isFirst = false
    }
    this.ascii(isObject ? '}' : ']')
    return this.at === end
  }

  isUndefined(end: number): boolean {
    return (
      this.at + 2 <= end &&
      this.bytes[this.at] === ((1 << 3) | BOOLNULL) &&
      this.bytes[this.at + 1] === 2
    )
  }
}

/**
 * Prints the BIPF value that fills `start` to `end` into `out` at `outStart`, where at least
 * `maxTextBytes(end - start)` must be free. Gives where the text ends, or why there is none:
 * `DAMAGED` for bytes that are no BIPF, `UNKNOWN_FORMAT` for values that JSON doesn't have.
 */
export function bipfToText(
  bytes: Buffer,
  start: number,
  end: number,
  out: Buffer,
  outStart: number,
): number | Fault {
  const walk = new Walk(bytes, start, out, outStart)
  return walk.value(end, 0) && walk.at === end ? walk.written : walk.fault
}

/** Whether the BIPF value at `start` is an object that ends exactly at `end`. */
export function isBipfObject(bytes: Buffer, start: number, end: number): boolean {
  const walk = new Walk(bytes, start, bytes, 0)
  const tag = walk.tag(end)
  return tag !== -1 && (tag & 7) === OBJECT && walk.at + (tag >>> 3) === end
}
