/**
 * What queries are put together from. Names and meaning follow the operators of ssb-db2, so that who
 * knows these knows what comes out; paths begin with `content`, and nothing is indexed beforehand.
 */
import type { BlobId, FeedId, MessageKey } from '@dunbar/core'
import {
  AuthorCondition,
  type ComparedField,
  type Comparison,
  NumberCondition,
  TypeCondition,
} from './query-column.js'
import { AllOf, AnyOf, type Condition, NoneOf } from './query-condition.js'
import {
  doesInclude,
  isAbsent,
  isEqualTo,
  isText,
  PathCondition,
  passesTest,
  ReferenceCondition,
} from './query-content.js'

export {
  ascending,
  contents,
  count,
  descending,
  fromBlocks,
  messages,
  paginate,
  positions,
  startFrom,
  toAsyncIter,
  toPages,
  toPromise,
  where,
} from './query.js'

/** Where a value stands: names from `content` on, with dots between them or as a list. */
export type Path = string | readonly string[]

type Primitive = string | number | boolean | null

/** All of these. */
export function and(...conditions: readonly Condition[]): Condition {
  return new AllOf(conditions)
}

/** At least one of these. */
export function or(...conditions: readonly Condition[]): Condition {
  return new AnyOf(conditions)
}

/** Everything but this. */
export function not(condition: Condition): Condition {
  return new NoneOf(condition)
}

/** Content with this type. Decided by a column of its own. */
export function type(value: string): Condition {
  return new TypeCondition(value)
}

/** Messages of this author. Decided for whole blocks. */
export function author(id: FeedId): Condition {
  return new AuthorCondition(id)
}

/** Timestamps or sequences above a number. */
export function gt(value: number, field: ComparedField): Condition {
  return compare('gt', value, field)
}

/** Timestamps or sequences from a number up. */
export function gte(value: number, field: ComparedField): Condition {
  return compare('gte', value, field)
}

/** Timestamps or sequences below a number. */
export function lt(value: number, field: ComparedField): Condition {
  return compare('lt', value, field)
}

/** Timestamps or sequences up to a number. */
export function lte(value: number, field: ComparedField): Condition {
  return compare('lte', value, field)
}

function compare(comparison: Comparison, value: number, field: ComparedField): Condition {
  if (Number.isNaN(value)) throw new RangeError(`a ${field} is compared with a number`)
  return new NumberCondition(comparison, field, value)
}

/** A value at a path, compared by `===`; undefined is `absent`. @throws {RangeError} on another path */
export function equal(path: Path, value: Primitive | undefined): Condition {
  const names = namesOf(path)
  if (value === undefined) return new PathCondition(names, isAbsent)
  if (typeof value === 'string' && names.length === 2 && names[1] === 'type') return type(value)
  return new PathCondition(names, isEqualTo(value))
}

/** No value at a path. @throws {RangeError} on another path */
export function absent(path: Path): Condition {
  return new PathCondition(namesOf(path), isAbsent)
}

/**
 * An array at a path with this value in it, or, with `pluck`, with an object in it that has the value
 * at the path `pluck`. @throws {RangeError} on another path
 */
export function includes(
  path: Path,
  value: Primitive,
  options: { readonly pluck?: Path } = {},
): Condition {
  const { pluck = [] } = options
  const plucked = typeof pluck === 'string' ? pluck.split('.') : pluck
  return new PathCondition(namesOf(path), doesInclude(value, plucked))
}

/**
 * A value at a path, undefined where there is none, that passes a test, which must always say the
 * same of the same. @throws {RangeError} on another path
 */
export function predicate(path: Path, test: (value: unknown) => boolean): Condition {
  return new PathCondition(namesOf(path), passesTest(test))
}

function namesOf(path: Path): readonly string[] {
  const names = typeof path === 'string' ? path.split('.') : path
  if (names[0] !== 'content') throw new RangeError('a path begins with content')
  return names
}

/** Posts and others of a channel. */
export function channel(name: string): Condition {
  return equal('content.channel', name)
}

/** Votes for a message. */
export function votesFor(key: MessageKey): Condition {
  return and(type('vote'), equal('content.vote.link', key))
}

/** Follows and blocks of a feed. */
export function contact(id: FeedId): Condition {
  return and(type('contact'), equal('content.contact', id))
}

/** What is said about a feed or a message. */
export function about(id: FeedId | MessageKey): Condition {
  return and(type('about'), equal('content.about', id))
}

/** Messages that list an id among their mentions. */
export function mentions(id: FeedId | MessageKey | BlobId): Condition {
  return includes('content.mentions', id, { pluck: 'link' })
}

/** Messages with an id anywhere in their content, as a value or as a name. */
export function refersTo(id: FeedId | MessageKey | BlobId): Condition {
  return new ReferenceCondition(id)
}

/** Replies in the thread of a message. */
export function hasRoot(key: MessageKey): Condition {
  return equal('content.root', key)
}

/** Messages that fork a thread off a message. */
export function hasFork(key: MessageKey): Condition {
  return equal('content.fork', key)
}

/** Messages that come after this one in its thread. */
export function hasBranch(key: MessageKey): Condition {
  return equal('content.branch', key)
}

/** Messages that are no reply. Private ones are among them, as nothing shows what they are. */
export function isRoot(): Condition {
  return absent('content.root')
}

/** Messages with encrypted content. */
export function isEncrypted(): Condition {
  return new PathCondition(['content'], isText)
}
