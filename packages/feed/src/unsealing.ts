import { removeQuietly } from './atomic-file.js'
import type { LogReplacement } from './log-replacement.js'
import type { RelayHost, Relaying } from './relaying.js'
import { blockPath, blocksFolder, relaidLogPath } from './sealed-folder.js'
import { newLayout, SealedPart } from './sealed-part.js'
import { storeFailure } from './store-error.js'

/**
 * Writes the messages of a feed's blocks back to its log. The new log is made beside the old one;
 * the blocks count until it takes its place. Offsets stay.
 */
export class Unsealing implements Relaying {
  readonly #host: RelayHost
  readonly #before: SealedPart | null
  /** A log whose frames were put in order says so in a head without blocks. */
  readonly #after: SealedPart | null
  #file: LogReplacement | null = null
  #isPlaced = false

  constructor(host: RelayHost) {
    this.#host = host
    this.#before = host.log.sealed
    const layout = this.#before?.isSalvaged ? newLayout(host.random) : this.#before?.layout
    this.#after = layout ? SealedPart.empty(layout) : null
  }

  async prepare(): Promise<void> {
    const { log } = this.#host
    const count = this.#before?.entries.length ?? 0
    if (count === 0) return
    try {
      this.#file = log.replacement(relaidLogPath(log.folder))
      this.#file.begin(this.#after)
      for (let index = 0; index < count; index++) {
        this.#file.write(log.openBlock(index).frames())
        await this.#host.pause()
      }
    } catch (error) {
      throw storeFailure(error, 'writing blocks back to a log')
    }
  }

  async commit(): Promise<boolean> {
    const { fs, log } = this.#host
    if (this.#file === null) return false
    try {
      await this.#host.sync()
      await this.#file.finish(log.fileStart, () => {
        this.#isPlaced = true
        this.#host.changed(this.#after, false)
      })
    } catch (error) {
      throw storeFailure(error, 'putting messages in the place of blocks')
    }
    for (const { number } of this.#before!.entries) {
      removeQuietly(fs, blockPath(log.folder, number))
    }
    if (this.#after === null) removeQuietly(fs, blocksFolder(log.folder))
    return true
  }

  end(): void {
    if (!this.#isPlaced) this.#file?.abandon()
  }
}
