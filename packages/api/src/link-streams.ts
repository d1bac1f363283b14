import { CodedError, toSigil } from '@dunbar/core'
import { FrameReader, type LinkChunk, type LinkQuery, type LinkRow } from '@dunbar/feed'
import type { Method } from '@dunbar/wire'
import { mergeShards, type Steps } from './merge.js'
import { source } from './method.js'
import { booleanOption, limitOption, optionsOf, stringOption } from './options.js'
import type { Services } from './services.js'

const KIND_SIGILS = new Map([
  ['feed', '@'],
  ['msg', '%'],
  ['blob', '&'],
])

/**
 * `links({source, dest, rel, …})`: who refers to what, in order of arrival. Items are
 * `{source, rel, dest, key}`, with `value` where `values: true`; `meta: false` leaves the key, the
 * value or both. `source` and `dest` are ids, or a sigil (or `feed`, `msg`, `blob`) for all of a kind.
 */
export function linkStreams(services: Services): Method[] {
  return [
    source('links', (args, { signal }) => {
      const given = optionsOf('links', args)
      const shape = {
        keys: booleanOption('links', given, 'keys', true),
        values: booleanOption('links', given, 'values', false),
        meta: booleanOption('links', given, 'meta', true),
      }
      if (!shape.keys && !shape.values && !shape.meta) {
        throw new CodedError('BAD_ARGUMENT', 'links: set keys, values or meta', {})
      }
      const query: LinkQuery = {
        ...filterOf('source', given),
        ...filterOf('dest', given),
        ...filterOf('rel', given),
        live: booleanOption('links', given, 'live', false),
        old: booleanOption('links', given, 'old', true),
        reverse: booleanOption('links', given, 'reverse', false),
      }
      const saysSync = booleanOption('links', given, 'sync', true)
      return readLinks(services, query, shape, limitOption('links', given), saysSync, signal)
    }),
  ]
}

interface LinkShape {
  readonly keys: boolean
  readonly values: boolean
  readonly meta: boolean
}

function filterOf(name: 'source' | 'dest' | 'rel', given: Readonly<Record<string, unknown>>) {
  const text = stringOption('links', given, name)
  if (text === undefined || text === '') return {}
  if (name === 'rel') return { rel: text }
  return { [name]: KIND_SIGILS.get(text) ?? toSigil(text) ?? text }
}

async function* readLinks(
  services: Services,
  query: LinkQuery,
  shape: LinkShape,
  limit: number,
  saysSync: boolean,
  signal: AbortSignal,
): AsyncGenerator<unknown> {
  let left = limit
  if (left <= 0) return
  const streams = services.shards.map((shard) => shard.links(query, { signal }))
  const merged = mergeShards(
    streams,
    { reverse: query.reverse ?? false, old: query.old ?? true },
    (chunk: Links) => new LinkSteps(chunk),
  )
  for await (const step of merged) {
    if (step === 'pause') continue
    if (step === 'sync') {
      if (saysSync) yield { sync: true }
      continue
    }
    yield itemOf(step.item, shape)
    left -= 1
    if (left <= 0) return
  }
}

type Links = Extract<LinkChunk, { readonly links: unknown }>

class LinkSteps implements Steps<LinkSteps> {
  readonly #chunk: Links
  readonly #frames: FrameReader
  #position = -1

  constructor(chunk: Links) {
    this.#chunk = chunk
    this.#frames = new FrameReader(chunk.frames)
  }

  next(): boolean {
    this.#position += 1
    return this.#frames.next()
  }

  get order(): number {
    return this.#chunk.order[this.#position]!
  }

  get item(): this {
    return this
  }

  get link(): LinkRow {
    return this.#chunk.links[this.#position]!
  }

  value(): unknown {
    return JSON.parse(Buffer.from(this.#frames.message).toString())
  }
}

function itemOf(steps: LinkSteps, { keys, values, meta }: LinkShape): unknown {
  const { link } = steps
  const value = values ? steps.value() : undefined
  if (!meta) return keys && values ? { key: link.key, value } : keys ? link.key : value
  return {
    source: link.source,
    rel: link.rel,
    dest: link.dest,
    ...(keys ? { key: link.key } : {}),
    ...(values ? { value } : {}),
  }
}
