/**
 * The secret file: comment lines and JSON with the key pair, as npm ssb-keys and go-ssb read it.
 *
 * A secret file is written whole or not at all and never over another one: the text goes to a
 * file beside it, is synced, and gets its final name by `link`, which fails where that name exists.
 * @source protocol digest 1.8; npm ssb-keys 8.5 `storage.js`
 */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { randomBytes } from './boxing.js'
import { CodedError } from './errors.js'
import { generateKeys, type Keys, keysFromSecretKey } from './keys.js'

/**
 * `SECRET_MISSING` no such file; `SECRET_INVALID` no key pair in it; `SECRET_EXISTS` there is one
 * already; `SECRET_UNREADABLE`, `SECRET_UNWRITABLE` the operating system refused (`data.systemCode`).
 */
export type SecretErrorCode =
  | 'SECRET_MISSING'
  | 'SECRET_INVALID'
  | 'SECRET_EXISTS'
  | 'SECRET_UNREADABLE'
  | 'SECRET_UNWRITABLE'

export class SecretError extends CodedError<SecretErrorCode> {}

/** A secret is about a kilobyte; anything far larger is some other file. */
const maxSecretSizeBytes = 64 * 1024

/** The owner may read; nobody may write, so that an editor does not damage it by accident. */
const secretPermissions = 0o400

const privatePattern = /^([A-Za-z0-9/+]{85}[AQgw]==)(?:\.ed25519)?$/

/**
 * The keys in the text of a secret file. Comments are stripped as ssb-keys does, from `#` to the
 * end of the line. Read are the JSON form and the older one, which is the private key alone.
 * Whatever of `curve`, `public` and `id` is there must agree with the private key.
 * @throws {SECRET_INVALID} with `data.reason`; neither text nor data quote the file
 */
export function parseSecret(text: string): Keys {
  const stripped = text.replace(/\s*#[^\n]*/g, '').trim()
  if (stripped === '') throw invalid('it holds no keys')
  if (privatePattern.test(stripped)) return keysOf(stripped)
  let value: unknown
  try {
    value = JSON.parse(stripped)
  } catch {
    // The error of JSON.parse quotes the text, and is dropped for that.
    throw invalid('it is neither JSON nor a private key')
  }
  if (typeof value !== 'object' || value === null) throw invalid('its JSON is no object')
  const { curve, public: publicText, private: privateText, id } = value as Record<string, unknown>
  if (curve !== undefined && curve !== 'ed25519') throw invalid('its curve is not ed25519')
  if (typeof privateText !== 'string') throw invalid('it has no private key')
  const keys = keysOf(privateText)
  const publicForm = keys.id.slice(1)
  if (publicText !== undefined && publicText !== publicForm) {
    throw invalid('its public key does not belong to its private key')
  }
  if (id !== undefined && id !== keys.id && id !== publicForm) {
    throw invalid('its id does not belong to its private key')
  }
  return keys
}

/** The text of a secret file for these keys. Holds the secret: it belongs into that file only. */
export function formatSecret(keys: Keys): string {
  const publicForm = keys.id.slice(1)
  const privateForm = `${Buffer.from(keys.secretKey).toString('base64')}.ed25519`
  const json = { curve: 'ed25519', public: publicForm, private: privateForm, id: keys.id }
  return `# Keep this file to yourself: whoever reads it can speak in your name.
#
# It is the only copy of your identity, so keep a backup in a safe place. Do not edit it, and do
# not use it on two devices at once: your feed would fork, and others would stop following it.
#
${JSON.stringify(json, null, 2)}
#
# Your public id, which you may give to anyone:
#
#   ${keys.id}
`
}

/**
 * The keys in a secret file. Reads the disk, synchronously.
 * @throws {SECRET_MISSING | SECRET_INVALID | SECRET_UNREADABLE}
 */
export function loadSecret(path: string): Keys {
  let text: string
  try {
    const file = openSync(path, 'r')
    try {
      if (fstatSync(file).size > maxSecretSizeBytes) throw invalid('it is far too large')
      text = readFileSync(file, 'utf8')
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if (error instanceof SecretError) throw error
    if (systemCodeOf(error) === 'ENOENT') {
      throw new SecretError('SECRET_MISSING', 'there is no secret file', {}, { cause: error })
    }
    throw systemError('SECRET_UNREADABLE', 'the secret file cannot be read', error)
  }
  return parseSecret(text)
}

/**
 * Writes a new secret file, readable by its owner only, and returns its keys: the given ones or new
 * ones. Makes the folder where that is missing. On the disk when it returns. A crash part way leaves
 * no file at `path`, at most one beside it that ends in `.tmp`.
 * @throws {SECRET_EXISTS | SECRET_UNWRITABLE}
 */
export function createSecret(path: string, keys: Keys = generateKeys()): Keys {
  const folder = dirname(path)
  const temporaryPath = `${path}.${Buffer.from(randomBytes(8)).toString('hex')}.tmp`
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const file = openSync(temporaryPath, 'wx', secretPermissions)
    try {
      try {
        writeFileSync(file, formatSecret(keys))
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      linkSync(temporaryPath, path)
    } finally {
      unlinkSync(temporaryPath)
    }
    syncFolder(folder)
  } catch (error) {
    if (systemCodeOf(error) === 'EEXIST') {
      throw new SecretError('SECRET_EXISTS', 'there is a secret file already', {}, { cause: error })
    }
    throw systemError('SECRET_UNWRITABLE', 'the secret file cannot be written', error)
  }
  return keys
}

function keysOf(privateText: string): Keys {
  const match = privatePattern.exec(privateText)
  if (match === null) throw invalid('its private key is not 64 bytes in base64')
  const keys = keysFromSecretKey(Buffer.from(match[1]!, 'base64'))
  if (keys === null) throw invalid('the two halves of its private key do not belong together')
  return keys
}

function syncFolder(folder: string): void {
  // Windows opens no folders; its file systems order these steps by themselves.
  if (process.platform === 'win32') return
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

function invalid(reason: string): SecretError {
  return new SecretError('SECRET_INVALID', `the secret file can't be used: ${reason}`, { reason })
}

function systemError(code: SecretErrorCode, text: string, cause: unknown): SecretError {
  const systemCode = systemCodeOf(cause)
  return new SecretError(code, `${text} (${systemCode})`, { systemCode }, { cause })
}

function systemCodeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : 'UNKNOWN'
}
