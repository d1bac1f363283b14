import type { FileSystem } from '@dunbar/actor'
import { MemoryFileSystem } from '@dunbar/testkit'
import { entryOf } from '../src/append-work.js'
import { packFrames } from '../src/sealed-block.js'
import type { SealPolicy } from '../src/sealing.js'
import type { AppendEntry, ShardStore } from '../src/shard-store.js'
import { Author } from './shard-fixture.js'
import { logPath } from './store-fixture.js'

/** Where a feed's block files are. */
export const blocksPath = (idBytes: Uint8Array): string =>
  logPath(idBytes).replace(/log$/, 'blocks')

export const blockNames = (fs: FileSystem, idBytes: Uint8Array): string[] =>
  fs.stat(blocksPath(idBytes)) === null ? [] : fs.list(blocksPath(idBytes)).sort()

/** A feed of signed messages, which alone have the keys that a block gives them. */
export class SignedFeed {
  readonly author: Author
  readonly idBytes: Uint8Array
  readonly entries: readonly AppendEntry[]

  constructor(name: string, count: number) {
    this.author = new Author(name)
    this.idBytes = this.author.keys.publicKey
    const before = this.author.take(Math.max(0, count - 3))
    const more = [
      this.author.write({ type: 'contact', contact: this.author.id, following: true }, 12.5),
      this.author.write('c2VjcmV0IHdvcmRzLi4u.box', -3),
      this.author.write({ type: 'vote', vote: { link: '%', value: -0, '\ud800': 1e21 } }),
    ]
    const messages = [...before, ...more].slice(0, count)
    this.entries = messages.map((message, index) => entryOf(message, 1_700_000_000_000.001 + index))
  }

  get id() {
    return this.author.id
  }

  /** The messages from one sequence to another as text. */
  texts(from = 1, to = this.entries.length): string[] {
    return this.entries.slice(from - 1, to).map(({ compact }) => Buffer.from(compact).toString())
  }
}

/** Small blocks, so that few messages make many of them. */
export const smallBlocks: SealPolicy = { keepMessages: 2, minMessages: 1, blockMessages: 4 }

/** Seals a feed; gives whether there was anything to do. */
export async function seal(
  store: ShardStore,
  feed: number,
  policy: Partial<SealPolicy> = {},
): Promise<boolean> {
  return relaid(store.sealing(feed, { ...smallBlocks, ...policy }, packedOnce))
}

const packed = new Map<string, Uint8Array>()

/** The same messages are packed a thousand times. */
async function packedOnce(author: Uint8Array, frames: Uint8Array): Promise<Uint8Array> {
  const text = Buffer.from(frames).toString('latin1')
  const held = packed.get(text) ?? packFrames(author, frames)
  packed.set(text, held)
  return held
}

export const unseal = (store: ShardStore, feed: number): Promise<boolean> =>
  relaid(store.unsealing(feed))

async function relaid(change: ReturnType<ShardStore['unsealing']>): Promise<boolean> {
  try {
    await change.prepare()
    return await change.commit()
  } finally {
    change.end()
    // `end` takes away what does not count once `prepare` is over.
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** A disk with a synced data folder. */
export async function disk(): Promise<MemoryFileSystem> {
  const fs = new MemoryFileSystem()
  fs.makeFolder('/data')
  await fs.syncFolder('/')
  return fs
}
