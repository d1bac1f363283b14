import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { generateKeys } from '../src/keys.js'
import { createSecret, formatSecret, loadSecret, parseSecret } from '../src/secret.js'

interface ReferenceKeys {
  readonly curve: string
  readonly public: string
  readonly private: string
  readonly id: string
}

const require = createRequire(import.meta.url)
const ssbKeys: {
  loadSync(path: string): ReferenceKeys
  createSync(path: string): ReferenceKeys
} = require('ssb-keys')

const keys = generateKeys(new Uint8Array(32).fill(1))
const publicForm = keys.id.slice(1)
const privateForm = `${Buffer.from(keys.secretKey).toString('base64')}.ed25519`
const otherKeys = generateKeys(new Uint8Array(32).fill(2))

let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dunbar-secret-'))
  path = join(folder, 'secret')
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

function codeOf(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return (error as { code?: unknown }).code
  }
  return 'no error'
}

describe('parseSecret', () => {
  it('reads what formatSecret writes', () => {
    const parsed = parseSecret(formatSecret(keys))
    expect([parsed.id, parsed.secretKey]).toEqual([keys.id, keys.secretKey])
  })

  it('reads JSON between comments, on one line, with CRLF, a byte order mark, without an id', () => {
    const json = JSON.stringify({ curve: 'ed25519', public: publicForm, private: privateForm })
    const withId = JSON.stringify({ private: privateForm, id: keys.id }, null, 2)
    const texts = [
      json,
      `# above\n${json}\n# below`,
      `\uFEFF# above\r\n${withId.replaceAll('\n', '\r\n')}\r\n# below\r\n`,
      `${withId.replace('{', '{ # inside')}`,
    ]
    for (const text of texts) expect(parseSecret(text).id).toBe(keys.id)
  })

  it('reads the old form, the private key alone', () => {
    expect(parseSecret(`# old\n#\n${privateForm}\n#\n# ${keys.id}`).id).toBe(keys.id)
  })

  it('refuses texts without a consistent key pair, and quotes none of them', () => {
    const good = { curve: 'ed25519', public: publicForm, private: privateForm, id: keys.id }
    const seedOnly = `${Buffer.from(keys.secretKey.subarray(0, 32)).toString('base64')}.ed25519`
    const half = Buffer.from(keys.secretKey)
    half.set(otherKeys.publicKey, 32)
    const texts = [
      '',
      '# only a comment',
      '{',
      'null',
      '[]',
      '"text"',
      JSON.stringify({ ...good, curve: 'k256' }),
      JSON.stringify({ ...good, private: undefined }),
      JSON.stringify({ ...good, private: 7 }),
      JSON.stringify({ ...good, private: seedOnly }),
      JSON.stringify({ ...good, private: `${half.toString('base64')}.ed25519` }),
      JSON.stringify({ ...good, public: otherKeys.id.slice(1) }),
      JSON.stringify({ ...good, id: otherKeys.id }),
      formatSecret(keys).slice(0, 420),
      `${privateForm.slice(0, 40)}\n`,
    ]
    for (const text of texts) {
      try {
        parseSecret(text)
        expect.unreachable(text)
      } catch (error) {
        const { code, message, data, cause } = error as Record<string, unknown>
        expect([code, cause]).toEqual(['SECRET_INVALID', undefined])
        expect(`${message}${JSON.stringify(data)}`).not.toContain(privateForm.slice(0, 12))
      }
    }
  })
})

describe('secret files', () => {
  it('are exchanged with ssb-keys in both directions', () => {
    createSecret(path, keys)
    const { curve, id, private: privateText, public: publicText } = ssbKeys.loadSync(path)
    expect([curve, id, privateText, publicText]).toEqual([
      'ed25519',
      keys.id,
      privateForm,
      publicForm,
    ])
    const theirs = ssbKeys.createSync(join(folder, 'theirs'))
    expect(loadSecret(join(folder, 'theirs')).id).toBe(theirs.id)
  })

  it('can be read by their owner only and have nothing beside them', () => {
    createSecret(join(folder, 'new', 'secret'), keys)
    expect(statSync(join(folder, 'new', 'secret')).mode & 0o777).toBe(0o400)
    expect(statSync(join(folder, 'new')).mode & 0o777).toBe(0o700)
    expect(readdirSync(join(folder, 'new'))).toEqual(['secret'])
  })

  it('are never overwritten', () => {
    createSecret(path, keys)
    expect(codeOf(() => createSecret(path, otherKeys))).toBe('SECRET_EXISTS')
    expect(loadSecret(path).id).toBe(keys.id)
    expect(readdirSync(folder)).toEqual(['secret'])
  })

  it('that are damaged stay as they are, and are no reason to make new ones', () => {
    const damaged = formatSecret(keys).slice(0, 400)
    writeFileSync(path, damaged)
    expect(codeOf(() => loadSecret(path))).toBe('SECRET_INVALID')
    expect(readFileSync(path, 'utf8')).toBe(damaged)
    chmodSync(path, 0o600)
    writeFileSync(path, '')
    expect(codeOf(() => loadSecret(path))).toBe('SECRET_INVALID')
    expect(readFileSync(path, 'utf8')).toBe('')
  })

  it('that are missing, far too large or a folder are told apart', () => {
    expect(codeOf(() => loadSecret(path))).toBe('SECRET_MISSING')
    writeFileSync(path, `${formatSecret(keys)}${'#\n'.repeat(40_000)}`)
    expect(codeOf(() => loadSecret(path))).toBe('SECRET_INVALID')
    rmSync(path)
    mkdirSync(path)
    expect(codeOf(() => loadSecret(path))).toBe('SECRET_UNREADABLE')
    expect(codeOf(() => createSecret(join(folder, 'secret', 'x', '\0')))).toBe('SECRET_UNWRITABLE')
  })

  it('are there whole or not at all where the write fails half way', () => {
    const source = `
      const { createSecret } = await import(${JSON.stringify(builtEntry)})
      createSecret(process.argv[1])
    `
    const create = (limits: string, target: string) => {
      const node = [process.execPath, '--input-type=module', '-e', source, target]
      return spawnSync('sh', ['-c', `${limits} exec "$@"`, 'sh', ...node], { stdio: 'ignore' })
        .status
    }
    expect(create('', join(folder, 'unlimited'))).toBe(0)
    expect(loadSecret(join(folder, 'unlimited')).publicKey).toHaveLength(32)
    expect(create('ulimit -c 0; ulimit -f 0;', path)).not.toBe(0)
    expect(existsSync(path)).toBe(false)
    const { id } = createSecret(path)
    expect(loadSecret(path).id).toBe(id)
  })
})

const builtEntry = pathToFileURL(require.resolve('@dunbar/core')).href
