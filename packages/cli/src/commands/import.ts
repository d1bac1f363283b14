import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Mistake, OutputClosed, sentenceOf } from '../mistake.js'
import { createProgress } from '../progress.js'
import { type CommandContext, withClient } from '../session.js'
import { grouped } from '../table.js'

/** @throws {Mistake} where there is nothing to read */
export async function refuseUnreadable(path: string, doing: string): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') {
      throw new Mistake(`there is no file ${path}`)
    }
    throw new Mistake(`${path} can't be read (${error.code})`)
  })
  if (found.isFile() && found.size === 0) {
    throw new Mistake(`${path} is empty: there is nothing to ${doing}`)
  }
}

/** Imports a message file or another node's store. Prints what came of it. */
export async function importFile(context: CommandContext, file: string): Promise<number> {
  const source = resolve(file)
  await refuseUnreadable(source, 'import')
  return withClient(context, { mayCreate: true }, async (client) => {
    const progress = await createProgress('import')
    try {
      for await (const item of client.node.import(source)) {
        if (item.event === 'progress') {
          progress.update(item.bytes, item.totalBytes, `${grouped(item.read)} messages`)
          continue
        }
        progress.end()
        const { event, notes, ...result } = item
        for (const note of notes) await context.notes.line(note)
        if (context.isJson) await context.output.json(result)
        else {
          const { read, added, known, feeds, rejected, seconds } = result
          await context.output.line(
            `${grouped(read)} messages read: ${grouped(added)} added, ${grouped(known)} known, in ${grouped(feeds)} feeds, ${seconds.toFixed(1)} s`,
          )
          for (const { reason, count, example } of rejected) {
            await context.output.line(`${grouped(count)} rejected: ${reason}, such as ${example}`)
          }
        }
        if (result.added + result.known === 0) {
          throw new Mistake(`nothing in ${source} is a message that could be taken`)
        }
        return 0
      }
    } catch (error) {
      if (error instanceof Mistake || error instanceof OutputClosed) throw error
      // On its way from the node an error loses its paths; here it is known which one was meant.
      throw new Mistake(sentenceOf(error).replaceAll('<path>', source))
    } finally {
      progress.end()
    }
    throw new Mistake('the node ended the import without a result')
  })
}
