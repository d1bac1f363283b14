/** Something that the person at the terminal can put right. Ends the command with exit code 1 and this one sentence. */
export class Mistake extends Error {}

/** The reader of our output has gone away, as `| head` does. Ends the command without a word. */
export class OutputClosed extends Error {}

/** A signal asked the command to end. */
export class Interrupted extends Error {
  readonly signal: NodeJS.Signals

  constructor(signal: NodeJS.Signals) {
    super(`ended by ${signal}`)
    this.signal = signal
  }
}

/** Longer sentences are cut: an error from a peer or a node may carry anything. */
const MAX_SENTENCE_LENGTH = 500

/** What a terminal would obey instead of show: control characters and marks that turn the direction of writing. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g

/** A text that others wrote, made safe for a terminal: one line, without control characters. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, ' ').trim()
}

/** The one sentence for an error, without stack. */
export function sentenceOf(error: unknown): string {
  const text = error instanceof Error || isErrorLike(error) ? error.message : String(error)
  const sentence = printable(text.split('\n', 1)[0] ?? '')
  return sentence === '' ? 'something went wrong' : sentence.slice(0, MAX_SENTENCE_LENGTH)
}

function isErrorLike(error: unknown): error is { message: string } {
  return (
    typeof error === 'object' &&
    error !== null &&
    typeof (error as { message?: unknown }).message === 'string'
  )
}
