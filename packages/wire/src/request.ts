import { WireError } from './errors.js'
import { type CallType, callTypeOf, type Method, type MethodTable } from './method.js'
import { jsonText } from './raw.js'

/** A request body, understood: a call of a method, or why not. */
export type Request =
  | { readonly ok: true; readonly method: Method; readonly args: readonly unknown[] }
  | { readonly ok: false; readonly refusal: string }

const TYPES: ReadonlySet<unknown> = new Set([
  undefined,
  'async',
  'sync',
  'source',
  'sink',
  'duplex',
])

/**
 * Reads a request and finds its method, by its full dotted name and nothing else. The texts are
 * those that JS peers and clients compare. Never throws, whatever the body is.
 * @param isStream the stream flag of the frame
 * @source muxrpc 8 `stream.js`, `permissions.js`, `local-api.js`; PROTOCOL 2.3
 */
export function readRequest(body: unknown, isStream: boolean, methods: MethodTable): Request {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return refuse('invalid request, it should be an object with name and args')
  }
  const { name, args, type } = body as { name?: unknown; args?: unknown; type?: unknown }
  const path = typeof name === 'string' ? [name] : name
  if (!isPath(path)) return refuse('invalid request, name should be a list of strings')
  if (!Array.isArray(args)) return refuse('invalid request, args should be array')
  if (!TYPES.has(type)) return refuse('invalid request, type is not known')
  const called = calledType(type, isStream)
  if (called === null) return refuse(`unsupported stream type: ${String(type)}`)
  const method = methods.get(path.join('.'))
  if (method === undefined) return refuse(`method:${path} is not in list of allowed methods`)
  if (callTypeOf(method) !== called) return refuse(`no ${called}:${path}`)
  return { ok: true, method, args }
}

/** Without the stream flag everything is async, as for muxrpc; with it async is nothing. */
function calledType(type: unknown, isStream: boolean): CallType | null {
  if (!isStream) return 'async'
  return type === 'source' || type === 'sink' || type === 'duplex' ? type : null
}

function isPath(path: unknown): path is readonly string[] {
  return Array.isArray(path) && path.length > 0 && path.every((part) => typeof part === 'string')
}

function refuse(refusal: string): Request {
  return { ok: false, refusal }
}

/** The credit in a request, in bytes; without end where it has none. */
export function creditOf(request: unknown): number {
  const credit =
    typeof request === 'object' && request !== null && 'credit' in request ? request.credit : null
  return typeof credit === 'number' && Number.isSafeInteger(credit) && credit >= 0
    ? credit
    : Number.POSITIVE_INFINITY
}

/**
 * A request as bytes, in the order of keys that packet-stream gives.
 * @throws {UNSENDABLE} where the arguments are no JSON or too large
 */
export function encodeRequest(
  path: readonly string[],
  args: readonly unknown[],
  type: CallTypeOrNone,
  creditBytes: number | null,
  maxBytes: number,
): Uint8Array {
  const typed = type === null ? '' : `,"type":${JSON.stringify(type)}`
  const credit = creditBytes === null ? '' : `,"credit":${creditBytes}`
  const text = `{"name":${JSON.stringify(path)},"args":${jsonText(args)}${typed}${credit}}`
  const bytes = Buffer.from(text, 'utf8')
  if (bytes.length <= maxBytes) return bytes
  throw new WireError('UNSENDABLE', `a request of ${bytes.length} bytes is larger than ${maxBytes}`)
}

/** `null` leaves the type out, as muxrpc does for async calls. */
export type CallTypeOrNone = 'source' | 'sink' | 'duplex' | null
