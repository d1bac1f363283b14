/**
 * Finds the links in a message's content: every text that is a feed, message or blob id, wherever
 * it stands, with the relation that it stands in. The relation is the nearest key of an object; an
 * element of an array has the array's. The key `link` of an object passes for what the object
 * itself stands under, so that `{ mentions: [{ link }] }` is a mention and `{ vote: { link } }` a
 * vote. `tangles.<name>.root` and `.previous` are relations of their own.
 *
 * What npm ssb-msgs 5 finds (ids and link objects directly under the content, and in arrays there)
 * is found with the same relation; deeper ones are found besides.
 *
 * One walk, at most 512 links and 64 levels; the longest legal message holds fewer of both.
 */
import { BLOB_SIGIL, IdReader } from './fingerprint.js'

export const MAX_LINKS = 512
const MAX_DEPTH = 64
const ID_LENGTH = 52

export interface ExtractedLink {
  /** The id; a blob's without its query. */
  readonly target: string
  readonly relation: string
}

/** Links of one message after another, without making an object for each. */
export class LinkExtractor {
  readonly #id = new IdReader()
  readonly high = new Uint32Array(MAX_LINKS)
  readonly low = new Uint32Array(MAX_LINKS)
  readonly targets: string[] = []
  readonly relations: string[] = []
  /** Of all columns, what lies behind is of earlier messages. */
  count = 0

  /** Finds the links of a content; they are in the columns until the next call. The same target under the same relation counts once. */
  extract(content: unknown): number {
    this.count = 0
    if (typeof content !== 'object' || content === null) return 0
    const isList = Array.isArray(content)
    for (const key in content) {
      const value = (content as Record<string, unknown>)[key]
      if (typeof value === 'string') this.#take(value, isList ? '' : key)
      else if (typeof value !== 'object' || value === null) continue
      else if (key === 'tangles' && !isList) this.#walkTangles(value)
      else this.#walk(value, isList ? '' : key, 1)
    }
    return this.count
  }

  #walk(value: object, relation: string, depth: number): void {
    if (depth > MAX_DEPTH || this.count === MAX_LINKS) return
    if (Array.isArray(value)) {
      for (const item of value as unknown[]) {
        if (typeof item === 'string') this.#take(item, relation)
        else if (typeof item === 'object' && item !== null) this.#walk(item, relation, depth + 1)
      }
      return
    }
    for (const key in value) {
      const item = (value as Record<string, unknown>)[key]
      const under = key === 'link' ? relation : key
      if (typeof item === 'string') this.#take(item, under)
      else if (typeof item === 'object' && item !== null) this.#walk(item, under, depth + 1)
    }
  }

  #walkTangles(tangles: object): void {
    if (Array.isArray(tangles)) {
      this.#walk(tangles, 'tangles', 1)
      return
    }
    for (const name in tangles) {
      const tangle = (tangles as Record<string, unknown>)[name]
      const relation = name === 'link' ? 'tangles' : name
      if (typeof tangle === 'string') this.#take(tangle, relation)
      else if (Array.isArray(tangle)) this.#walk(tangle, relation, 2)
      else if (typeof tangle === 'object' && tangle !== null)
        this.#walkTangle(tangle, name, relation)
    }
  }

  #walkTangle(tangle: object, name: string, relation: string): void {
    for (const key in tangle) {
      const item = (tangle as Record<string, unknown>)[key]
      let under = key === 'link' ? relation : key
      if (key === 'root' || key === 'previous') under = `tangles.${name}.${key}`
      if (typeof item === 'string') this.#take(item, under)
      else if (typeof item === 'object' && item !== null) this.#walk(item, under, 3)
    }
  }

  #take(text: string, relation: string): void {
    const id = this.#id
    if (this.count === MAX_LINKS || !id.read(text)) return
    for (let at = 0; at < this.count; at++) {
      if (this.low[at] !== id.low || this.high[at] !== id.high) continue
      if (this.relations[at] === relation && this.targets[at]!.startsWith(withoutQuery(text, id))) {
        return
      }
    }
    this.high[this.count] = id.high
    this.low[this.count] = id.low
    this.targets[this.count] = withoutQuery(text, id)
    this.relations[this.count] = relation
    this.count += 1
  }
}

/** The links of one content. */
export function extractLinks(content: unknown): ExtractedLink[] {
  const extractor = new LinkExtractor()
  extractor.extract(content)
  return extractor.targets.slice(0, extractor.count).map((target, at) => ({
    target,
    relation: extractor.relations[at] as string,
  }))
}

function withoutQuery(text: string, id: IdReader): string {
  return id.sigil === BLOB_SIGIL && text.length > ID_LENGTH ? text.slice(0, ID_LENGTH) : text
}
