/**
 * Any method of the API, called and printed as `ssb-server` does: an answer as pretty JSON, a stream
 * as pretty JSON with an empty line behind each item, bytes as they are. With `--json` everything is
 * on a line of its own.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { methodArguments, parseMethodArguments } from '../method-arguments.js'
import { Mistake, printable, sentenceOf } from '../mistake.js'
import { type CommandContext, refuseMissing, withClient } from '../session.js'

/** The type of a method in a manifest, or undefined. */
export function methodType(manifest: unknown, name: string): string | undefined {
  let here = manifest
  for (const part of name.split('.')) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, part)) return undefined
    here = (here as Record<string, unknown>)[part]
  }
  return typeof here === 'string' ? here : undefined
}

function unknownMethod(name: string): Mistake {
  return new Mistake(
    `there is no command or method "${printable(name)}"; "dunbar --help" lists the commands`,
  )
}

/**
 * Refuses a name that the node of this folder doesn't have, before one is started for it, and where
 * there is no folder to ask, as the name may be a command that was mistyped.
 */
async function refuseUnknown(path: string, name: string): Promise<void> {
  const text = await readFile(join(path, 'manifest.json'), 'utf8').catch(() => null)
  if (text === null) {
    const { refuseForeign } = await import('@dunbar/node')
    refuseForeign(path)
    return refuseMissing(path).catch((error: unknown) => {
      throw new Mistake(`"${name}" is no command; as for a method, ${sentenceOf(error)}`)
    })
  }
  let manifest: unknown
  try {
    manifest = JSON.parse(text)
  } catch {
    return
  }
  if (methodType(manifest, name) === undefined) throw unknownMethod(name)
}

/** What holds until the node ends, and so would end with the command where none runs. */
const FOR_RUNNING_NODES: ReadonlyMap<string, string> = new Map([
  [
    'archive.configure',
    'the settings hold until the node ends; "archiveMessages" in config.json holds longer',
  ],
])

/** Calls a method of the API with the words of a command line. */
export async function callMethod(
  context: CommandContext,
  name: string,
  words: readonly string[],
  input: AsyncIterable<Uint8Array | string> = process.stdin,
): Promise<number> {
  if (!/^[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*$/.test(name)) throw unknownMethod(name)
  await refuseUnknown(context.path, name)
  const args = await methodArguments(parseMethodArguments(words), input)
  const { isJson, output } = context
  const hint = FOR_RUNNING_NODES.get(name)
  const needed = hint === undefined ? {} : { mustRun: true, hint }
  return withClient(context, needed, async (client) => {
    const type = methodType(await client.manifest(), name)
    switch (type) {
      case 'async':
      case 'sync': {
        const answer = await client.call(name, ...args)
        await output.line(JSON.stringify(answer ?? null, null, isJson ? 0 : 2))
        return 0
      }
      case 'source':
        for await (const item of client.source(name, ...args)) {
          if (item instanceof Uint8Array) await output.write(item)
          else if (isJson) await output.json(item)
          else await output.write(`${JSON.stringify(item, null, 2)}\n\n`)
        }
        return 0
      case undefined:
        throw unknownMethod(name)
      default:
        throw new Mistake(
          `${name} takes a stream (${type}), which can't be given on a command line`,
        )
    }
  })
}
