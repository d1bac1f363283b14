import {
  CodedError,
  feedIdToBytes,
  isFeedId,
  type MessageKey,
  messageKeyToBytes,
} from '@dunbar/core'
import { type FrameBatch, FrameReader, IngestWriter } from '@dunbar/feed'
import { boxPrivate } from '@dunbar/formats'
import { type Method, RawJson } from '@dunbar/wire'
import { messageJson } from './message-json.js'
import { asynchronous } from './method.js'
import { booleanOption, feedArgument, keyArgument, optionsOf } from './options.js'
import { openedMessage } from './private-messages.js'
import { feedOf, type Services } from './services.js'

/** Recipients of a private message; the box format has room for these. @source PROTOCOL, box1 */
const MAX_RECIPIENTS = 16

/** Single messages: read, publish, add. */
export function messageMethods(services: Services): Method[] {
  return [
    asynchronous('get', (args) => get(services, args)),
    asynchronous('getLatest', async (args) => {
      const id = feedArgument('getLatest', 'id', idOf(args[0]))
      const frame = await feedOf(services, id).latest()
      return frame === null ? null : new RawJson(Buffer.from(messageJson(frame)))
    }),
    asynchronous('publish', async (args) => {
      return new RawJson(await published(services, args[0]))
    }),
    asynchronous('add', (args) => add(services, args[0])),
  ]
}

/** Publishes on the own feed; gives the message as it is stored. */
async function published(services: Services, content: unknown): Promise<Buffer> {
  const frame = await feedOf(services, services.id).publish(contentText(content))
  return Buffer.from(messageJson(frame))
}

/** As `publish`, for rooms of the node itself: `{ key, value, timestamp }`. */
export async function publishContent(services: Services, content: object): Promise<unknown> {
  return JSON.parse((await published(services, content)).toString())
}

const idOf = (argument: unknown): unknown =>
  typeof argument === 'object' && argument !== null ? (argument as { id?: unknown }).id : argument

async function get(services: Services, args: readonly unknown[]): Promise<unknown> {
  const options = typeof args[0] === 'object' ? optionsOf('get', args) : { id: args[0] }
  const key = keyArgument('get', 'id', options.id ?? options.key)
  const withMeta = booleanOption('get', options, 'meta', false)
  const opensPrivate = booleanOption('get', options, 'private', false)
  const frame = await findByKey(services, key)
  if (frame === null) {
    throw new CodedError('NOT_FOUND', `Key not found in database [${key}]`, { key })
  }
  const reader = new FrameReader(frame)
  reader.next()
  const opened = opensPrivate ? openedMessage(services, reader) : null
  if (opened !== null) return withMeta ? opened : opened.value
  if (withMeta) return new RawJson(Buffer.from(messageJson(frame)))
  return new RawJson(reader.message)
}

/** Asks the shard that is likely to hold the key; without a hint all of them. */
async function findByKey(services: Services, key: MessageKey): Promise<FrameBatch | null> {
  const { shards, keyHints } = services
  const bytes = messageKeyToBytes(key)
  const likely = shards[keyHints.shardOf(bytes)]
  if (likely !== undefined) {
    const frame = await likely.getByKey(bytes)
    if (frame !== null) return frame
  }
  const found = await Promise.all(shards.map((shard) => shard.getByKey(bytes)))
  const holder = found.findIndex((frame) => frame !== null)
  if (holder === -1) return null
  if (likely === undefined) void keyHints.refresh(holder)
  return found[holder] ?? null
}

/** Content as JSON text; content with `recps` is boxed for them, as ssb-db does. */
function contentText(content: unknown): string {
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) {
    const { recps } = content as { recps?: unknown }
    return JSON.stringify(recps === undefined ? content : boxFor(content, recps))
  }
  if (typeof content === 'string') return JSON.stringify(content)
  throw new CodedError('BAD_ARGUMENT', 'publish: content must be an object with a type', {})
}

function boxFor(content: object, recps: unknown): string {
  const given = Array.isArray(recps) ? recps : [recps]
  const ids = given.map((recipient) =>
    typeof recipient === 'object' && recipient !== null
      ? (recipient as { link?: unknown }).link
      : recipient,
  )
  if (ids.length === 0 || ids.length > MAX_RECIPIENTS || !ids.every(isFeedId)) {
    throw new CodedError(
      'BAD_ARGUMENT',
      `publish: recps must be 1 to ${MAX_RECIPIENTS} feed ids`,
      {},
    )
  }
  return boxPrivate(Buffer.from(JSON.stringify(content)), ids, { maxRecipients: MAX_RECIPIENTS })
}

/** A message that somebody signed: `value`, or `{key, value}`. Resolves to it as stored. */
async function add(services: Services, given: unknown): Promise<RawJson> {
  const value = messageOf(given)
  const id = feedArgument('add', 'author', value.author)
  const writer = new IngestWriter()
  writer.push(Number.NaN, feedIdToBytes(id), Buffer.from(JSON.stringify(value)))
  const feed = feedOf(services, id)
  const batch = writer.finish()
  const result =
    id === services.id
      ? await feed.addAuthored(batch)
      : await feed.append(batch, false, { lane: 'local' })
  const rejection = result.rejected[0]
  if (rejection !== undefined) {
    throw new CodedError('MESSAGE_REFUSED', `add: the message was refused: ${rejection.reason}`, {
      reason: rejection.reason,
    })
  }
  const frame = await feed.get(value.sequence as number)
  if (frame === null) throw new CodedError('NOT_FOUND', 'add: the message is gone', {})
  return new RawJson(Buffer.from(messageJson(frame)))
}

function messageOf(given: unknown): Record<string, unknown> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new CodedError('BAD_ARGUMENT', 'add: expected a message', {})
  }
  const { key, value } = given as { key?: unknown; value?: unknown }
  if (typeof key === 'string' && typeof value === 'object' && value !== null) {
    return value as Record<string, unknown>
  }
  return given as Record<string, unknown>
}
