import type { Context, From } from '@dunbar/actor'
import { reply } from '@dunbar/actor'
import {
  type Block,
  type DictionaryRef,
  lastSequenceOf,
  maxBlockMessages,
  openBlock,
  parseArchiveContent,
  rememberDictionaries,
} from '@dunbar/archive'
import { blobIdFromBytes, CodedError, messageKeyFromBytes, sha256 } from '@dunbar/core'
import { readClassic, verifySignature } from '@dunbar/formats'
import type { IncomingMessage, IncomingRun } from './append-run.js'
import { append, type FeedEffect, startRun } from './append-work.js'
import {
  assertNotQuarantined,
  type FeedActorState,
  headSequence,
  rowAt,
  storedHead,
} from './feed-actor-state.js'
import { bytesEqual, frameKey } from './frame.js'
import type { ArchiveClaim, FeedCall, IngestResult } from './protocol.js'
import type { AppendEntry } from './shard-store.js'

/**
 * Takes blocks of an archive into a feed. Ids hash the low byte of each UTF-16 unit only, so a chain
 * that ends in the right id proves order and shape, not the text. A block is taken
 *
 * - by `signatures`: as if its messages had come one by one;
 * - on the word of its `author`, who signed the message that names the archive: without the checks of
 *   signatures, which are made up for later (`signature-pass.ts`). The range is noted in `feed.json`
 *   before the first of its messages is in the log; until the check nothing of it is passed on.
 * @source archive format, "Trust"
 */

type AppendBlockCall = Extract<FeedCall, { op: 'appendBlock' }>

/** Messages of a block that are stored between two turns of others: about 2 ms. */
const SLICE_MESSAGES = 128
/** Dictionaries that a shard remembers, of 1 MiB at most: feeds that are fetched at once. */
const REMEMBERED_DICTIONARIES = 16

/**
 * What an `archive` message of this feed promises; its bytes are not trusted.
 * @throws {ARCHIVE_MESSAGE_INVALID} `data.reason` says why
 * @throws {ARCHIVE_OWN_FEED} @throws {ARCHIVE_DISTRUSTED}
 */
export function readArchive(bytes: Uint8Array, state: FeedActorState): ArchiveClaim {
  assertMayTake(state)
  const { hmacKey } = state.host
  const read = readClassic(bytes, hmacKey === null ? {} : { hmacKey })
  if (!read.ok) throw invalid(read.reason)
  const { message } = read
  if (message.author !== state.id) throw invalid('AUTHOR_MISMATCH')
  if (!verifySignature(message)) throw invalid('SIGNATURE')
  const content = parseArchiveContent(message.value.content)
  if (content === null) throw invalid('CONTENT')
  const { bundle, size, first, last, lastMessage } = content
  if (last >= message.sequence) throw invalid('RANGE')
  return { bundle, size, first, last, lastMessage, held: headSequence(state) }
}

/**
 * Begins to take a block; the effect answers with `IngestResult`, or goes on.
 * @throws {ARCHIVE_…} the block is not what it is given for, or the feed takes none
 * @throws {FEED_QUARANTINED} and the errors of `ShardStore.append`
 */
export async function appendBlock(
  call: AppendBlockCall,
  from: From,
  state: FeedActorState,
  context: Context,
): Promise<FeedEffect> {
  assertNotQuarantined(state)
  assertMayTake(state)
  const block = openBlock(new Uint8Array(call.block), dictionariesOf(call, state))
  const { author, firstSequence } = block.sketch
  if (author !== state.id) throw refused('ARCHIVE_BLOCK_AUTHOR', 'the block is of another feed')
  if (block.length > maxBlockMessages) {
    throw refused('ARCHIVE_BLOCK_TOO_LONG', `a block has at most ${maxBlockMessages} messages`)
  }
  const head = headSequence(state)
  const skipped = head + 1 - firstSequence
  if (skipped < 0) throw refused('ARCHIVE_BLOCK_GAP', 'messages before the block are missing')
  if (skipped >= block.length) {
    return reply(from, { added: 0, known: block.length, rejected: [] } satisfies IngestResult)
  }
  const { lastHash } = block.sketch
  if (call.lastMessage !== undefined && messageKeyFromBytes(lastHash) !== call.lastMessage) {
    throw refused('ARCHIVE_BLOCK_CLAIM', 'the block ends with another message than was promised')
  }
  block.verifyChain(call.trust === 'author')
  assertGoesOn(block, skipped, state)
  if (call.trust === 'signatures') {
    const kind = { outOfOrder: false, isAuthored: false, isBulk: true, isPoolUsable: true }
    return startRun(new BlockRun(block, skipped), kind, from, state, context)
  }
  const last = lastSequenceOf(block.sketch)
  await noteUnchecked(state, head + 1, Math.max(last, call.through))
  state.host.busyFeeds.add(state)
  return storeOn(block, 0, from, state)
}

/** One slice; other actors have their turn before the next. */
async function storeOn(
  block: Block,
  added: number,
  from: From,
  state: FeedActorState,
): Promise<FeedEffect> {
  const next = headSequence(state) + 1 - block.sketch.firstSequence
  const end = endOfSlice(block, next, state)
  try {
    if (next > block.length) assertHeld(block, state)
    else assertGoesOn(block, next, state)
    if (next < block.length) {
      if (end === next) throw forked()
      await append(entriesOf(block, next, end, state), state, false, true)
      const work = () => storeOn(block, added + end - next, from, state)
      return { proceed: { from, work }, wake: [...state.streams] }
    }
  } catch (error) {
    finish(state)
    throw error
  }
  finish(state)
  const result: IngestResult = { added, known: block.length - added, rejected: [] }
  return { ...reply(from, result), wake: [...state.streams] }
}

/** A message that is held beyond a gap ends a slice: the head moves over it by itself. */
function endOfSlice(block: Block, next: number, state: FeedActorState): number {
  const most = Math.min(block.length, next + SLICE_MESSAGES)
  let end = next
  while (end < most && rowAt(state, block.sketch.firstSequence + end) === -1) end++
  return end
}

/** Also after a failure: the mark is lifted from a range of which nothing came. */
function finish(state: FeedActorState): void {
  state.host.busyFeeds.delete(state)
  state.host.appended()
  state.host.checkSignatures()
}

function entriesOf(block: Block, from: number, to: number, state: FeedActorState): AppendEntry[] {
  const timestamps = block.timestamps()
  const entries: AppendEntry[] = []
  for (let index = from; index < to; index++) {
    entries.push({
      sequence: block.sketch.firstSequence + index,
      received: state.host.receivedNow(),
      keyBytes: block.key(index),
      compact: block.compact(index),
      value: { content: block.contentAt(index) },
      timestamp: timestamps[index]!,
      inChain: true,
    })
  }
  return entries
}

/** Before any of them is in the log, so that a kill leaves none that passes for checked. */
async function noteUnchecked(state: FeedActorState, first: number, last: number): Promise<void> {
  if (state.feed === -1) state.feed = state.store.addFeed(state.idBytes)
  const { store, feed } = state
  const before = store.unchecked(feed)
  if (before !== null && before.last >= last) return
  const unchecked = { first: before?.first ?? first, last }
  await store.writeRecord(feed, { ...store.record(feed), unchecked })
}

/** A feed is signed for here, or its archives were found to be wrong. */
function assertMayTake({ own, store, feed }: FeedActorState): void {
  if (own !== null) {
    throw refused('ARCHIVE_OWN_FEED', 'the own feed takes messages with their signatures only')
  }
  const { distrust } = feed === -1 ? { distrust: undefined } : store.record(feed)
  if (distrust !== undefined) {
    throw new CodedError('ARCHIVE_DISTRUSTED', 'an archive of this feed was wrong', {
      reason: distrust,
    })
  }
}

/** The first message that is new names the newest one that is held. */
function assertGoesOn(block: Block, skipped: number, state: FeedActorState): void {
  const held = storedHead(state)
  const { previousHash } = block.sketch
  const named = skipped === 0 ? previousHash : block.key(skipped - 1)
  const headKey = held === null ? null : state.store.feedInfo(state.feed).headKey
  const isSame = named === null || headKey === null ? named === headKey : bytesEqual(named, headKey)
  if (!isSame) throw forked()
}

/** The head moved beyond the block, over what was held: its last message is among that. */
function assertHeld({ sketch }: Block, state: FeedActorState): void {
  const held = state.store.readRow(rowAt(state, lastSequenceOf(sketch)))
  if (!bytesEqual(frameKey(held), sketch.lastHash)) throw forked()
}

/** Dictionaries of earlier blocks are remembered; they are told apart by the ids of their bytes. */
function dictionariesOf({ dictionaries }: AppendBlockCall, { host }: FeedActorState) {
  const blobs = new Map(
    dictionaries.map((blob) => {
      const bytes = new Uint8Array(blob)
      return [blobIdFromBytes(sha256(bytes)) as string, bytes] as const
    }),
  )
  return (ref: DictionaryRef | null) => host.dictionaries.find(ref, blobs)
}

/** The dictionaries of a shard's blocks. */
export class ShardDictionaries {
  #blobs: ReadonlyMap<string, Uint8Array> = new Map()
  readonly #find = rememberDictionaries(
    (blobId) => this.#blobs.get(blobIdFromBytes(blobId)),
    REMEMBERED_DICTIONARIES,
  )

  /** @throws as `resolveDictionary`; blobs are looked for by their ids */
  find(ref: DictionaryRef | null, blobs: ReadonlyMap<string, Uint8Array>) {
    this.#blobs = blobs
    try {
      return this.#find(ref)
    } finally {
      this.#blobs = new Map()
    }
  }
}

/** The messages of a block as if they had come one by one. */
class BlockRun implements IncomingRun {
  readonly #block: Block
  readonly #skipped: number

  constructor(block: Block, skipped: number) {
    this.#block = block
    this.#skipped = skipped
  }

  get length(): number {
    return this.#block.length - this.#skipped
  }

  at(index: number): IncomingMessage | undefined {
    if (index >= this.length) return undefined
    return { bytes: this.#block.json(this.#skipped + index), receivedMs: Number.NaN }
  }
}

const refused = (code: `ARCHIVE_${string}`, text: string) => new CodedError(code, text, {})

const forked = () => refused('ARCHIVE_BLOCK_FORK', 'the block does not go on from what is held')

const invalid = (reason: string) =>
  new CodedError('ARCHIVE_MESSAGE_INVALID', 'this is no archive message of the feed', { reason })
