import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { CodedError } from '@dunbar/core'

/** In the folders of ssb-db and ssb-db2. */
const FOREIGN_NAMES = ['flume', 'db2']

/**
 * Refuses a folder where another SSB program keeps its messages: two nodes with one identity fork
 * its feed.
 * @throws {FOLDER_FOREIGN}
 */
export function refuseForeign(path: string): void {
  if (!FOREIGN_NAMES.some((name) => existsSync(join(path, name)))) return
  throw new CodedError(
    'FOLDER_FOREIGN',
    `${path} is the folder of another SSB node; import it with "dunbar import" into a folder of its own`,
    { path },
  )
}
