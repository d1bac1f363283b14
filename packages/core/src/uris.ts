/**
 * SSB URIs of feeds, messages and blobs, and their sigil forms.
 *
 * Canonical: `ssb:<kind>/<format>/<base64url of 32 bytes, padded>`. Read as well: the prefix
 * `ssb://`, `:` as separator, and the deprecated formats `ed25519` and `sha256` for `classic`.
 * Inside the node an id has one text: the sigil form where there is one, else the canonical URI.
 * @source protocol digest 6.1, 6.2; ssb-uri-spec
 */
import { isBlobId, isFeedId, isMessageKey } from './ids.js'

export type IdKind = 'feed' | 'message' | 'blob'

export type IdFormat =
  | 'classic'
  | 'bendybutt-v1'
  | 'gabbygrove-v1'
  | 'buttwoo-v1'
  | 'indexed-v1'
  | 'cloaked'

/** An id taken apart. `id` is the one text that the node uses for it. */
export interface ParsedId {
  readonly kind: IdKind
  readonly format: IdFormat
  readonly id: string
}

const formatsOfKind: Readonly<Record<IdKind, ReadonlyMap<string, IdFormat>>> = {
  feed: new Map<string, IdFormat>([
    ['classic', 'classic'],
    ['ed25519', 'classic'],
    ['bendybutt-v1', 'bendybutt-v1'],
    ['gabbygrove-v1', 'gabbygrove-v1'],
    ['buttwoo-v1', 'buttwoo-v1'],
    ['indexed-v1', 'indexed-v1'],
  ]),
  message: new Map<string, IdFormat>([
    ['classic', 'classic'],
    ['sha256', 'classic'],
    ['bendybutt-v1', 'bendybutt-v1'],
    ['gabbygrove-v1', 'gabbygrove-v1'],
    ['buttwoo-v1', 'buttwoo-v1'],
    ['indexed-v1', 'indexed-v1'],
    ['cloaked', 'cloaked'],
  ]),
  blob: new Map<string, IdFormat>([
    ['classic', 'classic'],
    ['sha256', 'classic'],
  ]),
}

const uriPattern =
  /^ssb:(?:\/\/)?(feed|message|blob)([/:])([a-z0-9-]{1,16})\2([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]=)(?:\2([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]=))?$/
const cloakedPattern = /^%[A-Za-z0-9/+]{42}[AEIMQUYcgkosw048]=\.cloaked$/

/**
 * Takes a sigil form or an SSB URI apart; null for everything else, also for URIs of other kinds
 * (addresses, identities, keys, actions). The second id of a `buttwoo-v1` feed, its parent message,
 * stays in `id`.
 */
export function parseId(text: unknown): ParsedId | null {
  if (typeof text !== 'string') return null
  if (isFeedId(text)) return { kind: 'feed', format: 'classic', id: text }
  if (isMessageKey(text)) return { kind: 'message', format: 'classic', id: text }
  if (isBlobId(text)) return { kind: 'blob', format: 'classic', id: text }
  if (cloakedPattern.test(text)) return { kind: 'message', format: 'cloaked', id: text }
  const match = uriPattern.exec(text)
  if (match === null) return null
  const kind = match[1] as IdKind
  const format = formatsOfKind[kind].get(match[3]!)
  if (format === undefined) return null
  const data = match[4]!
  const parent = match[5]
  if (parent !== undefined && !(kind === 'feed' && format === 'buttwoo-v1')) return null
  const sigil = sigilOf(kind, format, data)
  if (sigil !== null) return { kind, format, id: sigil }
  const id = `ssb:${kind}/${format}/${data}${parent === undefined ? '' : `/${parent}`}`
  return { kind, format, id }
}

/** The canonical SSB URI of a sigil form or of any URI that `parseId` reads; null for anything else. */
export function toUri(text: unknown): string | null {
  const parsed = parseId(text)
  if (parsed === null) return null
  const { kind, format, id } = parsed
  if (id.startsWith('ssb:')) return id
  const data = id.slice(1, 45).replaceAll('+', '-').replaceAll('/', '_')
  return `ssb:${kind}/${format}/${data}`
}

/** The sigil form of a URI (or of a sigil form: itself); null where there is none. */
export function toSigil(text: unknown): string | null {
  const parsed = parseId(text)
  return parsed === null || parsed.id.startsWith('ssb:') ? null : parsed.id
}

function sigilOf(kind: IdKind, format: IdFormat, data: string): string | null {
  const base64 = data.replaceAll('-', '+').replaceAll('_', '/')
  if (format === 'cloaked') return `%${base64}.cloaked`
  if (format !== 'classic') return null
  if (kind === 'feed') return `@${base64}.ed25519`
  return `${kind === 'message' ? '%' : '&'}${base64}.sha256`
}
