/**
 * Draws a thread as a tree. A message stands below the newest of those that it answers (`branch`).
 * A single answer goes on in the same column, so that a long conversation stays readable; only where
 * several answer one message does each get a column of its own:
 *
 *   Alice · 2017-07-14 02:40
 *   │ hello
 *   ├─ Bob · 2017-07-14 02:41
 *   │  │ hello Alice
 *   │  Alice · 2017-07-14 02:42        (answers Bob)
 *   │    hello Bob
 *   └─ Carol · …                       (answers Alice too)
 *
 * The input is in causal order, so an answer comes behind what it answers. A message whose parents
 * are all missing stands below the root. Every message is drawn exactly once, whatever the links are.
 */
import { printable } from './mistake.js'

/** A message as the API gives it. */
export interface ThreadMessage {
  readonly key: string
  readonly value: {
    readonly author: string
    readonly timestamp: number
    readonly content: unknown
  }
}

export interface ThreadNaming {
  /** The name of a feed, or its short id. */
  readonly nameOf: (id: string) => string
  /** A claimed time, ms, as people read it. */
  readonly timeOf: (timestamp: number) => string
}

/** Characters of a text that are shown; the message itself is a `dunbar get` away. */
const MAX_TEXT_LENGTH = 200

function asStrings(value: unknown): string[] {
  const all = Array.isArray(value) ? value : [value]
  return all.filter((one): one is string => typeof one === 'string')
}

/** What a message says, on one line. */
export function summary(content: unknown): string {
  if (typeof content === 'string') return '(private)'
  const { type, text } = (content ?? {}) as { type?: unknown; text?: unknown }
  if (typeof text === 'string') {
    const line = printable(text.replace(/\s+/g, ' '))
    const cut = [...line].slice(0, MAX_TEXT_LENGTH).join('')
    return cut.length < line.length ? `${cut}…` : cut
  }
  return `(${typeof type === 'string' ? printable(type) : 'without type'})`
}

/** Head line of a message. */
export function headLine({ value }: ThreadMessage, naming: ThreadNaming): string {
  return `${printable(naming.nameOf(value.author))} · ${naming.timeOf(value.timestamp)}`
}

/** The lines of a thread whose messages are in causal order, root first. */
export function drawThread(messages: readonly ThreadMessage[], naming: ThreadNaming): string[] {
  const place = new Map(messages.map(({ key }, index) => [key, index]))
  const answers: number[][] = messages.map(() => [])
  for (let index = 1; index < messages.length; index++) {
    const { content } = messages[index]!.value
    const branch = (content as { branch?: unknown } | null)?.branch
    const parents = asStrings(branch)
      .map((key) => place.get(key))
      .filter((parent): parent is number => parent !== undefined && parent < index)
    answers[Math.max(0, ...parents)]!.push(index)
  }

  const lines: string[] = []
  // A stack instead of recursion: a thread may be thousands of forks deep.
  const waiting: { index: number; first: string; next: string }[] = []
  if (messages.length > 0) waiting.push({ index: 0, first: '', next: '' })
  while (waiting.length > 0) {
    const { index, first, next } = waiting.pop()!
    const message = messages[index]!
    const below = answers[index]!
    lines.push(`${first}${headLine(message, naming)}`)
    lines.push(`${next}${below.length > 0 ? '│ ' : '  '}${summary(message.value.content)}`)
    const isFork = below.length > 1 || (index === 0 && below.length > 0)
    for (const [position, answer] of [...below.entries()].reverse()) {
      if (!isFork) waiting.push({ index: answer, first: next, next })
      else {
        const isLast = position === below.length - 1
        waiting.push({
          index: answer,
          first: `${next}${isLast ? '└─ ' : '├─ '}`,
          next: `${next}${isLast ? '   ' : '│  '}`,
        })
      }
    }
  }
  return lines
}

const two = (number: number) => String(number).padStart(2, '0')

/** A time as `2017-07-14 02:40` where the computer is; what is no time, as it is. */
export function localTime(timestamp: number): string {
  const date = new Date(timestamp)
  if (Number.isNaN(date.getTime())) return '(no time)'
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`
}

/** The begin of an id, enough for people to tell it from others. */
export function shortId(id: string): string {
  return id.length > 12 ? `${id.slice(0, 9)}…` : id
}
