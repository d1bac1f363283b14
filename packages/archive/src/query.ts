/**
 * Queries over blocks: `query(fromBlocks(blocks), where(and(type('post'), author(id))), descending(),
 * paginate(20), toPromise())`.
 *
 * Blocks are opened one after the other, and only those that the answer needs. For an answer in order
 * of time all blocks wait in a heap by the time where they begin; a block is opened when it comes to
 * the top, and a message is read when no other can come before it. So the first page over a thousand
 * blocks opens the few that reach into its time, and reads those that have a message on it.
 */
import { type FeedId, type MessageKey, messageKeyFromBytes, type Sequence } from '@dunbar/core'
import type { Block } from './block.js'
import type { BlockSketch } from './block-sketch.js'
import type { MessageValue } from './message-reader.js'
import { AllOf, type Condition, maybe, no, yes } from './query-condition.js'
import { BlockCandidate, Cursor, CursorHeap, noMatch, rememberBlocks } from './query-cursor.js'

/** A block that can be opened. The sketch must be that of the block. */
export interface BlockSource {
  readonly sketch: BlockSketch
  /** The block; called again where a query has let go of it meanwhile. */
  open(): Block | Promise<Block>
}

/** What is asked, put together by the parts of a query. */
export interface QueryPlan {
  readonly blocks: readonly BlockSource[]
  readonly condition: Condition
  readonly isDescending: boolean
  /** How many matches to leave out. */
  readonly skip: number
  /** How many matches make a page. */
  readonly pageSize: number
}

/** A part of a query, and what ends it. */
export type QueryPart = (plan: QueryPlan) => QueryPlan
export type QueryEnd<Answer> = (plan: QueryPlan) => Answer

/**
 * Puts a query together and gives what its last part gives. Without `where` it finds everything;
 * without `ascending` the latest messages come first.
 */
export function query<Answer>(...parts: [...QueryPart[], QueryEnd<Answer>]): Answer {
  let plan: QueryPlan = {
    blocks: [],
    condition: new AllOf([]),
    isDescending: true,
    skip: 0,
    pageSize: Number.POSITIVE_INFINITY,
  }
  for (const part of parts.slice(0, -1) as QueryPart[]) plan = part(plan)
  return (parts.at(-1) as QueryEnd<Answer>)(plan)
}

/** Which blocks to look into. They must not overlap. */
export function fromBlocks(blocks: Iterable<BlockSource>): QueryPart {
  return (plan) => ({ ...plan, blocks: [...plan.blocks, ...blocks] })
}

/** Which messages to find. A second `where` narrows the first. */
export function where(condition: Condition): QueryPart {
  return (plan) => ({ ...plan, condition: new AllOf([plan.condition, condition]) })
}

/** Oldest first, by the time that authors claim; of equal time by author and sequence. */
export function ascending(): QueryPart {
  return (plan) => ({ ...plan, isDescending: false })
}

/** Latest first, exactly the other way round than `ascending`. */
export function descending(): QueryPart {
  return (plan) => ({ ...plan, isDescending: true })
}

/** Leaves out the first matches. @throws {RangeError} where that is no count */
export function startFrom(skip: number): QueryPart {
  checkCount(skip, 0)
  return (plan) => ({ ...plan, skip })
}

/** So many matches at a time. @throws {RangeError} where that is no count */
export function paginate(pageSize: number): QueryPart {
  checkCount(pageSize, 1)
  return (plan) => ({ ...plan, pageSize })
}

function checkCount(count: number, least: number): void {
  if (Number.isSafeInteger(count) && count >= least) return
  throw new RangeError(`a count is an integer from ${least}, not ${count}`)
}

/** Where a match is. */
export interface Position {
  readonly author: FeedId
  readonly sequence: Sequence
  /** As the author claims it, ms; 0 where the message has none that is a number. */
  readonly timestamp: number
}

/** A match with its content. */
export interface Match extends Position {
  readonly content: unknown
}

/** A match as a whole message. */
export interface MatchedMessage extends Position {
  readonly key: MessageKey
  readonly value: MessageValue
}

/** In which form matches are given. */
export type MatchForm<Form> = (block: Block, index: number, position: Position) => Form

/** Where matches are; nothing is decoded for it. */
export const positions: MatchForm<Position> = (_block, _index, position) => position

/** Matches with their content; only their own leaves are decoded for it. */
export const contents: MatchForm<Match> = (block, index, position) => ({
  ...position,
  content: block.contentAt(index),
})

/** Whole messages. Where a block does not hold their ids, its whole chain is computed for it. */
export const messages: MatchForm<MatchedMessage> = (block, index, position) => ({
  ...position,
  key: messageKeyFromBytes(block.key(index)),
  value: block.valueAt(index),
})

/** Ends a query with the number of all matches, whatever the pages. Their order costs nothing. */
export function count(): QueryEnd<Promise<number>> {
  return async ({ blocks, condition }) => {
    let total = 0
    for (const source of blocks) {
      const verdict = condition.ofSketch(source.sketch)
      if (verdict === yes) total += source.sketch.length
      else if (verdict === maybe) total += countIn(await source.open(), condition)
    }
    return total
  }
}

function countIn(block: Block, condition: Condition): number {
  const verdicts = condition.ofColumns(block)
  let total = 0
  for (let index = 0; index < verdicts.length; index++) {
    const verdict = verdicts[index]!
    if (verdict === no) continue
    if (verdict === yes || condition.ofMessage(new BlockCandidate(block, index))) total++
  }
  return total
}

/** Ends a query with its first page, or with all matches where there are no pages. */
export function toPromise(): QueryEnd<Promise<Match[]>>
export function toPromise<Form>(form: MatchForm<Form>): QueryEnd<Promise<Form[]>>
export function toPromise(form: MatchForm<unknown> = contents): QueryEnd<Promise<unknown[]>> {
  return async (plan) => {
    for await (const page of pagesOf(plan, form)) return page
    return []
  }
}

/** Ends a query with all its pages, each read when it is asked for. */
export function toPages(): QueryEnd<AsyncGenerator<Match[], void, undefined>>
export function toPages<Form>(
  form: MatchForm<Form>,
): QueryEnd<AsyncGenerator<Form[], void, undefined>>
export function toPages(
  form: MatchForm<unknown> = contents,
): QueryEnd<AsyncGenerator<unknown[], void, undefined>> {
  return (plan) => pagesOf(plan, form)
}

/** Ends a query with all its matches, each read when it is asked for. */
export function toAsyncIter(): QueryEnd<AsyncGenerator<Match, void, undefined>>
export function toAsyncIter<Form>(
  form: MatchForm<Form>,
): QueryEnd<AsyncGenerator<Form, void, undefined>>
export function toAsyncIter(
  form: MatchForm<unknown> = contents,
): QueryEnd<AsyncGenerator<unknown, void, undefined>> {
  return (plan) => matchesOf(plan, form)
}

async function* pagesOf<Form>(
  plan: QueryPlan,
  form: MatchForm<Form>,
): AsyncGenerator<Form[], void, undefined> {
  let page: Form[] = []
  for await (const match of matchesOf(plan, form)) {
    page.push(match)
    if (page.length < plan.pageSize) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
}

async function* matchesOf<Form>(
  plan: QueryPlan,
  form: MatchForm<Form>,
): AsyncGenerator<Form, void, undefined> {
  let { skip } = plan
  const open = rememberBlocks()
  const heap = new CursorHeap<Form>()
  for (const source of plan.blocks) {
    if (plan.condition.ofSketch(source.sketch) !== no) heap.push(new Cursor(plan, source, form))
  }
  for (let cursor = heap.top; cursor !== undefined; cursor = heap.top) {
    if (cursor.isUnread) cursor.read(await open(cursor.source))
    else {
      const match = cursor.take()
      if (match !== noMatch && skip-- <= 0) yield match
    }
    heap.settleTop()
  }
}
