import type { Keys, MessageKey } from '@dunbar/core'
import { createClassic, type FeedHead } from '@dunbar/formats'
import { type GeneratedMessage, generatedKeys, SeededRandom } from '@dunbar/testkit'

/** A thread of a size that was asked for. */
export interface Thread {
  readonly root: MessageKey
  /** The root counted. */
  readonly messages: number
  /** How many feeds wrote in it: a few, or as many as there are. */
  readonly spread: 'few' | 'many'
}

/** Each over few and over many feeds. */
const THREAD_SIZES = [10, 100, 1_000, 10_000]
const FEW_FEEDS = 5
/** Messages that would answer nothing else; they lie between those of the threads. */
const LEAST_OTHERS = 0.2

const startMs = 1_600_000_000_000
const stepMs = 1_000
/** Of replies, those whose author had not seen the reply before. */
const BLIND_SHARE = 0.1
const TEXT =
  'Feeds are chains that only their author can lengthen, and whoever has them may pass them on. '

interface OpenThread {
  readonly messages: number
  readonly spread: 'few' | 'many'
  readonly feeds: readonly number[]
  root: MessageKey | null
  written: number
  /** Messages that nothing answers yet, and those that the last reply answered. */
  heads: readonly MessageKey[]
  answered: readonly MessageKey[]
}

/** Sizes of threads of which so many messages have room, each twice. */
export function threadSizes(messages: number): readonly number[] {
  let left = messages * (1 - LEAST_OTHERS)
  return THREAD_SIZES.filter((size) => {
    left -= 2 * size
    return left >= 0
  })
}

/**
 * Signed messages of which most stand in threads of known sizes, mixed as if all had been written at
 * the same time. The same counts and seed give the same bytes.
 */
export function* generateThreads(
  {
    feeds,
    messages,
    seed,
  }: { readonly feeds: number; readonly messages: number; readonly seed: number },
  /** Told of each when all is written. */
  known: (thread: Thread) => void,
): Generator<GeneratedMessage, void> {
  const random = new SeededRandom(`threads ${seed} ${feeds} ${messages}`)
  const all = Array.from({ length: feeds }, (_, feed) => feed)
  const threads = threadSizes(messages).flatMap((size): OpenThread[] =>
    (['few', 'many'] as const).map((spread) => ({
      messages: size,
      spread,
      feeds: random.sample(all, spread === 'few' ? FEW_FEEDS : feeds),
      root: null,
      written: 0,
      heads: [],
      answered: [],
    })),
  )
  const slots = threads.flatMap((thread) => Array<OpenThread | null>(thread.messages).fill(thread))
  while (slots.length < messages) slots.push(null)
  const states = new Map<number, { keys: Keys; head: FeedHead<MessageKey> | null }>()
  for (const [index, thread] of random.sample(slots, messages).entries()) {
    const feed =
      thread === null ? random.below(feeds) : thread.feeds[thread.written % thread.feeds.length]!
    const state = states.get(feed) ?? { keys: generatedKeys(seed, feed), head: null }
    states.set(feed, state)
    const timestamp = startMs + index * stepMs
    const isBlind = thread !== null && thread.answered.length > 0 && random.chance(BLIND_SHARE)
    const branch = isBlind ? thread.answered : (thread?.heads ?? [])
    const text = TEXT.repeat(random.between(1, 6))
    const root = thread?.root ?? null
    const content =
      root === null
        ? { type: 'post', text }
        : { type: 'post', root, branch: branch.slice(-8), text }
    const { key, author, sequence, compact } = createClassic({ ...state, timestamp, content })
    state.head = { key, sequence }
    if (thread !== null) {
      thread.root ??= key
      thread.written += 1
      thread.answered = branch
      thread.heads = isBlind ? [...thread.heads, key] : [key]
    }
    yield { key, author, sequence, type: 'post', value: compact, timestamp }
  }
  for (const { root, messages: size, spread } of threads) {
    known({ root: root!, messages: size, spread })
  }
}
