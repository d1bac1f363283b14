/**
 * Reads the words behind a method name as `ssb-server` does: words are arguments, `--name value`
 * and `--name=value` make one object of options, which comes last. What looks like a number, `true`
 * or `false` is one; `--no-name` is false; `--a.b 1` nests; an option given twice is an array; `.`
 * stands for JSON from the standard input; `--` ends. Beyond `ssb-server`, a word that is a JSON
 * object or array is taken as that.
 *
 * @source ssbc/muxrpcli, minimist
 */
import { Mistake } from './mistake.js'

export interface MethodArguments {
  /** Positional arguments in order; `STANDARD_INPUT` where a `.` stood. */
  readonly positional: readonly unknown[]
  /** Null where no option was given. */
  readonly options: Readonly<Record<string, unknown>> | null
}

/** Stands for the JSON that is to be read from the standard input. */
export const STANDARD_INPUT: unique symbol = Symbol('standard input')

const NUMBER = /^(-?\d+(\.\d*)?([eE][-+]?\d+)?|-?\.\d+|0x[0-9a-fA-F]+)$/
/** Nesting of an option's name; nothing that a method takes is deeper. */
const MAX_DEPTH = 8

function wordValue(word: string): unknown {
  if (word === 'true') return true
  if (word === 'false') return false
  if (NUMBER.test(word)) return Number(word)
  if (/^[[{]/.test(word)) {
    try {
      return JSON.parse(word)
    } catch {
      return word
    }
  }
  return word
}

function ownMember(object: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

/** Sets an own member, also one named `__proto__`. */
function setMember(object: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(object, name, {
    value,
    enumerable: true,
    writable: true,
    configurable: true,
  })
}

function setOption(options: Record<string, unknown>, name: string, value: unknown): void {
  const path = name.split('.')
  if (path.includes('') || path.length > MAX_DEPTH) {
    throw new Mistake(`--${name} is not the name of an option`)
  }
  let object = options
  for (const part of path.slice(0, -1)) {
    const inner = ownMember(object, part)
    if (typeof inner === 'object' && inner !== null && !Array.isArray(inner)) {
      object = inner as Record<string, unknown>
    } else {
      const made = {}
      setMember(object, part, made)
      object = made
    }
  }
  const last = path.at(-1)!
  const before = ownMember(object, last)
  if (before === undefined) setMember(object, last, value)
  else setMember(object, last, Array.isArray(before) ? [...before, value] : [before, value])
}

/** Whether a word is the name of an option rather than a value. */
function isOption(word: string): boolean {
  return /^--?[^-\d.]/.test(word)
}

/**
 * Reads the words of a method call.
 * @param texts names of options whose values stay the text that was given
 * @throws {Mistake} for an option without a name
 */
export function parseMethodArguments(
  words: readonly string[],
  texts: ReadonlySet<string> = new Set(),
): MethodArguments {
  const positional: unknown[] = []
  const options: Record<string, unknown> = {}
  let hasOptions = false
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (word === '--') break
    if (!isOption(word)) {
      positional.push(word === '.' ? STANDARD_INPUT : wordValue(word))
      continue
    }
    hasOptions = true
    const [, name = '', given] = /^--?([^=]*)(?:=([\s\S]*))?$/.exec(word)!
    const next = words[at + 1]
    const convert = (text: string) => (texts.has(name) ? text : wordValue(text))
    if (given !== undefined) {
      setOption(options, name, convert(given))
    } else if (name.startsWith('no-')) {
      setOption(options, name.slice(3), false)
    } else if (
      next !== undefined &&
      next !== '--' &&
      (!isOption(next) || (texts.has(name) && !next.startsWith('--')))
    ) {
      setOption(options, name, convert(next))
      at++
    } else {
      setOption(options, name, true)
    }
  }
  return { positional, options: hasOptions ? options : null }
}

/** Longest JSON that is taken from the standard input. */
const MAX_INPUT_BYTES = 16 * 1024 * 1024

async function readJson(input: AsyncIterable<Uint8Array | string>): Promise<unknown> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of input) {
    sizeBytes += chunk.length
    if (sizeBytes > MAX_INPUT_BYTES) throw new Mistake('the JSON on the standard input is too long')
    chunks.push(Buffer.from(chunk))
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch {
    throw new Mistake('the standard input is no JSON, which the argument "." stands for')
  }
}

/** The arguments as a method takes them; reads the standard input where one of them is a `.`. */
export async function methodArguments(
  parsed: MethodArguments,
  input: AsyncIterable<Uint8Array | string>,
): Promise<unknown[]> {
  const wantsInput = parsed.positional.includes(STANDARD_INPUT)
  const json = wantsInput ? await readJson(input) : undefined
  const args = parsed.positional.map((value) => (value === STANDARD_INPUT ? json : value))
  return parsed.options === null ? args : [...args, parsed.options]
}

/** Words as a command line has them, split into what every command knows and the rest. */
export interface CommonOptions {
  readonly path: string | undefined
  readonly isJson: boolean
  readonly isHelp: boolean
  readonly rest: readonly string[]
}

/**
 * Takes `--path DIR`, `--json` and `--help` out of words, wherever they stand before a `--`.
 * @throws {Mistake} for `--path` without a folder
 */
export function takeCommonOptions(words: readonly string[]): CommonOptions {
  const rest: string[] = []
  let path: string | undefined
  let isJson = false
  let isHelp = false
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (word === '--') {
      rest.push(...words.slice(at))
      break
    }
    if (word === '--json') isJson = true
    else if (word === '--help' || word === '-h') isHelp = true
    else if (word === '--path' || word.startsWith('--path=')) {
      path = word === '--path' ? words[++at] : word.slice('--path='.length)
      if (path === undefined || path === '') throw new Mistake('--path needs a folder')
    } else rest.push(word)
  }
  return { path, isJson, isHelp, rest }
}
