import { readFileSync } from 'node:fs'
import { COMMANDS, HELP_WORDS } from './command-names.js'
import { takeCommonOptions } from './method-arguments.js'
import { Interrupted, Mistake, OutputClosed, printable, sentenceOf } from './mistake.js'
import { Output } from './output.js'
import { type CommandContext, nodePath } from './session.js'

/** Exit codes of a program that a signal ended: 128 and the number of the signal. */
const SIGNAL_EXIT_CODES: Partial<Record<NodeJS.Signals, number>> = { SIGINT: 130, SIGTERM: 143 }

function version(): string {
  const path = new URL('../package.json', import.meta.url)
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}

const isCommandName = (word: string): boolean => (COMMANDS as readonly string[]).includes(word)

async function dispatch(words: readonly string[], output: Output, notes: Output): Promise<number> {
  const { path, isJson, isHelp, rest } = takeCommonOptions(words)
  const [name, ...behind] = rest
  const context: CommandContext = { path: nodePath(path), isJson, output, notes }
  const isCommand = name !== undefined && isCommandName(name)
  if (!isCommand && !isHelp && name !== undefined && !HELP_WORDS.has(name)) {
    if (name.startsWith('-')) throw new Mistake(`unknown option '${name}'`)
    const { callMethod } = await import('./commands/method.js')
    return callMethod(context, name, behind)
  }

  const [{ CommanderError }, { buildProgram, mistakeOf }] = await Promise.all([
    import('commander'),
    import('./program.js'),
  ])
  const [asksFor] = behind
  if (name === 'help' && asksFor !== undefined && !isCommandName(asksFor)) {
    throw new Mistake(`there is no command "${printable(asksFor)}"; "dunbar --help" lists them`)
  }
  let exitCode = 0
  const program = buildProgram(version(), context, behind, (code) => {
    exitCode = code
  })
  try {
    const asked = isHelp ? (isCommand ? [name, '--help'] : ['--help']) : rest
    await program.parseAsync(asked.length === 0 ? ['--help'] : asked, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    const mistake = mistakeOf(error)
    if (mistake !== null) throw mistake
  }
  return exitCode
}

/**
 * Runs a command line, without the names of Node and of the program, and gives the exit code. All
 * that goes wrong ends in exit code 1 and one sentence on the standard error stream.
 */
export async function run(words: readonly string[]): Promise<number> {
  const output = new Output(process.stdout)
  const notes = new Output(process.stderr)
  try {
    const exitCode = await dispatch(words, output, notes)
    await output.flush()
    output.closed.throwIfAborted()
    return exitCode
  } catch (error) {
    if (error instanceof OutputClosed) return 0
    if (error instanceof Interrupted) return SIGNAL_EXIT_CODES[error.signal] ?? 1
    // Where nobody reads the sentence, the exit code alone has to tell.
    await notes.line(`dunbar: ${sentenceOf(error)}`).catch(() => {})
    return 1
  } finally {
    await Promise.all([output.flush(), notes.flush()])
  }
}
