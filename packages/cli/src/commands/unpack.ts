import { resolve } from 'node:path'
import { openPackFolder } from '../packing/pack-folder.js'
import { unpack } from '../packing/unpacker.js'
import { createProgress } from '../progress.js'
import type { CommandContext } from '../session.js'
import { grouped } from '../table.js'

/** Writes the messages of a packed folder as JSON lines `{key,value}`, feed after feed, each value exactly as it was signed. */
export async function unpackFolder({ output }: CommandContext, folder: string): Promise<number> {
  const { blobs, bundle } = await openPackFolder(resolve(folder))
  const progress = await createProgress('unpack')
  let count = 0
  try {
    for await (const { lines, messages, totalMessages } of unpack(blobs, bundle)) {
      await output.write(lines)
      count += messages
      progress.update(count, totalMessages, `${grouped(count)} messages`)
    }
    return 0
  } finally {
    progress.end()
  }
}
