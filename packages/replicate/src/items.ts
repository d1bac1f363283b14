/**
 * What comes over a replication stream of the classic format, told apart as bytes: messages, bare or
 * in `{key, value, timestamp}`, and notes. Of a message only its author and its sequence are read.
 * @source protocol digest 3.3
 */
import { eachField, skipSpace } from './json-walk.js'

/** `@`, 44 characters of base64, `.ed25519`. */
const ID_BYTES = 53
const KEY_BYTES = 52
/** Digits of the longest sequence. */
const SEQUENCE_DIGITS = 10
/** A number in a note; longer ones are none that counts. */
const NUMBER_BYTES = 24

const AT = 0x40
const QUOTE = 0x22
const OPEN_OBJECT = 0x7b

const START = Buffer.from('{"previous":')
const NULL = Buffer.from('null')
const AUTHOR = Buffer.from(',"author":"')
const SEQUENCE = Buffer.from(',"sequence":')

/** Author and sequence of a message, and where it lies in its item. */
export interface MessageHead {
  author: string
  sequence: number
  start: number
  end: number
}

/**
 * Reads the head of a message into `head`. False where the item is no message. Nearly all are as
 * `JSON.stringify` prints them, with `previous`, `author` and `sequence` first; those cost the same
 * however long they are.
 */
export function readMessageHead(bytes: Buffer, head: MessageHead): boolean {
  return readPrinted(bytes, head) || readAnyOrder(bytes, 0, bytes.length, head, true)
}

function readPrinted(bytes: Buffer, head: MessageHead): boolean {
  if (!startsWith(bytes, 0, START)) return false
  let at = START.length
  if (startsWith(bytes, at, NULL)) at += NULL.length
  else if (bytes[at] === QUOTE && bytes[at + KEY_BYTES + 1] === QUOTE) at += KEY_BYTES + 2
  else return false
  const isAuthorFirst = startsWith(bytes, at, AUTHOR)
  if (isAuthorFirst) {
    at = readAuthor(bytes, at, head)
    if (at === -1) return false
  }
  at = readSequence(bytes, at, head)
  if (at === -1) return false
  if (!isAuthorFirst && readAuthor(bytes, at, head) === -1) return false
  head.start = 0
  head.end = bytes.length
  return true
}

function readAuthor(bytes: Buffer, at: number, head: MessageHead): number {
  const start = at + AUTHOR.length
  const end = start + ID_BYTES
  if (!startsWith(bytes, at, AUTHOR) || bytes[start] !== AT || bytes[end] !== QUOTE) return -1
  head.author = bytes.toString('latin1', start, end)
  return end + 1
}

function readSequence(bytes: Buffer, at: number, head: MessageHead): number {
  if (!startsWith(bytes, at, SEQUENCE)) return -1
  const start = at + SEQUENCE.length
  let sequence = 0
  let next = start
  for (; next < start + SEQUENCE_DIGITS; next++) {
    const digit = bytes[next]! - 0x30
    if (!(digit >= 0 && digit <= 9)) break
    sequence = sequence * 10 + digit
  }
  // A fraction or an exponent is for the other way of reading.
  if (bytes[next] !== 0x2c || sequence === 0) return -1
  head.sequence = sequence
  return next
}

function startsWith(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let index = 0; index < text.length; index++) {
    if (bytes[at + index] !== text[index]) return false
  }
  return true
}

function readAnyOrder(
  bytes: Buffer,
  at: number,
  end: number,
  head: MessageHead,
  mayBeWrapped: boolean,
): boolean {
  const start = skipSpace(bytes, at, end)
  let author: string | null = null
  let sequence = 0
  let hasContent = false
  let valueAt = -1
  let valueEnds = -1
  const behind = eachField(bytes, start, end, (nameStart, nameEnd, valueStart, valueEnd) => {
    switch (nameEnd - nameStart > 12 ? '' : bytes.toString('latin1', nameStart + 1, nameEnd - 1)) {
      case 'author':
        if (valueEnd - valueStart === ID_BYTES + 2) {
          author = bytes.toString('latin1', valueStart + 1, valueEnd - 1)
        }
        break
      case 'sequence':
        sequence = numberAt(bytes, valueStart, valueEnd)
        break
      case 'content':
        hasContent = true
        break
      case 'value':
        valueAt = valueStart
        valueEnds = valueEnd
        break
      default:
    }
    return true
  })
  if (behind === -1 || skipSpace(bytes, behind, end) !== end) return false
  if (author !== null && hasContent && Number.isInteger(sequence) && sequence > 0) {
    head.author = author
    head.sequence = sequence
    head.start = start
    head.end = behind
    return true
  }
  if (!mayBeWrapped || valueAt === -1 || bytes[valueAt] !== OPEN_OBJECT) return false
  return readAnyOrder(bytes, valueAt, valueEnds, head, false)
}

function numberAt(bytes: Buffer, start: number, end: number): number {
  if (end - start > NUMBER_BYTES || bytes[start] === QUOTE) return Number.NaN
  return Number(bytes.toString('latin1', start, end))
}

/** Whether an item is notes: its first field is a feed id or `clock`, or it has none. */
export function isNotes(bytes: Buffer): boolean {
  const end = bytes.length
  const start = skipSpace(bytes, 0, end)
  if (bytes[start] !== OPEN_OBJECT) return false
  const first = skipSpace(bytes, start + 1, end)
  if (bytes[first] === 0x7d) return true
  if (bytes[first] !== QUOTE) return false
  return bytes[first + 1] === AT || bytes.toString('latin1', first, first + 7) === '"clock"'
}

/**
 * Calls `onNote` for each feed that an item of notes names, at most `max` of them, with the number
 * beside it, NaN where it is none. Names that can't be ids of feeds are passed over. Gives how many
 * there were, or -1 where the item is no JSON object; what was called before that counts.
 */
export function readNotes(
  bytes: Buffer,
  max: number,
  onNote: (id: string, value: number) => void,
): number {
  const { length } = bytes
  let count = 0
  const eachNote = (nameStart: number, nameEnd: number, valueStart: number, valueEnd: number) => {
    if (nameEnd - nameStart !== ID_BYTES + 2 || bytes[nameStart + 1] !== AT) return true
    if (count === max) return false
    count += 1
    onNote(
      bytes.toString('latin1', nameStart + 1, nameEnd - 1),
      numberAt(bytes, valueStart, valueEnd),
    )
    return true
  }
  let inner = -1
  const behind = eachField(
    bytes,
    skipSpace(bytes, 0, length),
    length,
    (nameStart, nameEnd, valueStart, valueEnd) => {
      const isClock =
        nameEnd - nameStart === 7 && bytes.toString('latin1', nameStart, nameEnd) === '"clock"'
      if (!isClock) return eachNote(nameStart, nameEnd, valueStart, valueEnd)
      if (bytes[valueStart] === OPEN_OBJECT)
        inner = eachField(bytes, valueStart, valueEnd, eachNote)
      return true
    },
  )
  return behind === -1 && inner === -1 ? -1 : count
}
