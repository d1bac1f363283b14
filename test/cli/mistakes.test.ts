import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { dunbarRefuses, startNodeProgram } from '../fixtures/program.js'
import { type AtEnd, temporaryFolder } from '../fixtures/temporary-folder.js'

/** Whatever is wrong: exit code 1, nothing on the standard output, and one sentence that says what. */

/** A user without rights, where the tests run as root, for whom no folder is closed. */
const NOBODY = 65_534
const isRoot = process.getuid?.() === 0
const asNobody = isRoot ? { uid: NOBODY } : {}

describe('one clear sentence and exit code 1 for', () => {
  let folder: string
  let file: string
  beforeAll(() => {
    const ends: (() => void | Promise<void>)[] = []
    const atEnd: AtEnd = (run) => ends.unshift(run)
    folder = temporaryFolder(atEnd)
    file = join(folder, 'file')
    writeFileSync(file, 'a file\n')
    return async () => {
      for (const end of ends) await end()
    }
  })

  test('a folder that is a file', async () => {
    expect(await dunbarRefuses(['start', '--path', file])).toBe(`${file} is not a folder`)
    expect(await dunbarRefuses(['feeds', '--path', file])).toBe(
      `${file} is a file, not the folder of a node`,
    )
    expect(await dunbarRefuses(['start', '--path', join(file, 'below')])).toBe(
      `${join(file, 'below')} is not a folder`,
    )
  })

  test('a folder that is not there, for a command that only reads', async () => {
    const path = join(folder, 'nothing')
    expect(await dunbarRefuses(['feeds', '--path', path])).toBe(
      `there is no node in ${path}: "dunbar start" or "dunbar import" makes one`,
    )
    expect(existsSync(path)).toBe(false)
  })

  test('a folder of other things, for a command that only reads', async () => {
    const path = join(folder, 'pictures')
    mkdirSync(path)
    writeFileSync(join(path, 'a.jpg'), 'a picture')
    const sentence = `${path} is not the folder of a node: "dunbar start" or "dunbar import" makes one of it`
    for (const words of [['feeds'], ['verify'], ['rebuild'], ['export'], ['status']]) {
      expect(await dunbarRefuses([...words, '--path', path])).toBe(sentence)
    }
    expect(await dunbarRefuses(['statsu', '--path', path])).toBe(
      `"statsu" is no command; as for a method, ${sentence}`,
    )
    expect(readdirSync(path)).toEqual(['a.jpg'])
  })

  test.each(['flume', 'db2'])('the folder of another SSB node, with its %s', async (store) => {
    const path = join(folder, `other-${store}`)
    mkdirSync(join(path, store), { recursive: true })
    const messages = join(folder, 'messages.jsonl')
    writeFileSync(messages, '{}\n')
    const commands = [['start'], ['feeds'], ['import', messages]]
    for (const words of [...commands, ['publish', '--type', 'post', '--text', 'hello']]) {
      expect(await dunbarRefuses([...words, '--path', path])).toBe(
        `${path} is the folder of another SSB node; import it with "dunbar import" into a folder of its own`,
      )
    }
    expect(readdirSync(path)).toEqual([store])
  })

  test('a folder that is not writable', async () => {
    const closed = join(folder, 'closed')
    mkdirSync(closed)
    chmodSync(closed, 0o555)
    chmodSync(folder, 0o755)
    expect(await dunbarRefuses(['start', '--path', closed], asNobody)).toBe(
      `${closed} can't be written (EACCES)`,
    )
    const below = join(closed, 'below')
    expect(await dunbarRefuses(['start', '--path', below], asNobody)).toBe(
      `${below} can't be made (EACCES)`,
    )
    expect(readdirSync(closed)).toEqual([])
  })

  test('a folder that another node has', async () => {
    const path = join(folder, 'busy')
    const node = await startNodeProgram(path)
    expect(await dunbarRefuses(['start', '--path', path])).toBe(
      `${path} is in use by process ${node.pid}`,
    )
    await node.kill('SIGTERM')
  })

  test('an import of nothing: a missing file, an empty one, a folder that is no store, no messages', async () => {
    const path = join(folder, 'importer')
    const refused = (source: string) => dunbarRefuses(['import', source, '--path', path])
    const empty = join(folder, 'empty')
    writeFileSync(empty, '')
    const bare = join(folder, 'bare')
    mkdirSync(bare)
    const binary = join(folder, 'binary')
    writeFileSync(binary, Buffer.alloc(5000))
    expect(await refused(join(folder, 'missing'))).toBe(`there is no file ${folder}/missing`)
    expect(await refused(empty)).toBe(`${empty} is empty: there is nothing to import`)
    expect(await refused(bare)).toBe(
      `the folder ${bare} holds no db2/log.bipf and no flume/log.offset`,
    )
    expect(await refused(binary)).toMatch(/^.*binary is none of: JSON lines .*$/)
  })

  test('a command, an option, a method or an id that nobody knows', async () => {
    const path = join(folder, 'unknown')
    const refused = (...words: string[]) => dunbarRefuses([...words, '--path', path])
    expect(
      await Promise.all([
        refused('strat!'),
        refused('--no-such'),
        refused('start', '--no-such'),
        refused('start', '--shards', 'many'),
        refused('start', '--shards', '0'),
        refused('get'),
        refused('get', 'nonsense'),
        refused('tangle', '@nonsense.ed25519'),
        refused('export', '--feed', 'nonsense'),
        refused('generate', '--feeds', 'x', '--messages', '1', '--seed', '1'),
        refused('generate', '--feeds', '3'),
        refused('feeds', 'more'),
        refused('help', 'strat'),
        refused('sync', '--from', 'nonsense'),
        refused('invite', 'accept', 'nonsense'),
        refused('start', '--host', 'not/a/host'),
      ]),
    ).toEqual([
      'there is no command or method "strat!"; "dunbar --help" lists the commands',
      "unknown option '--no-such'",
      "unknown option '--no-such'",
      '--shards needs a whole number from 1 to 64',
      '--shards needs a whole number from 1 to 64',
      "missing required argument 'key'",
      'nonsense is not the key of a message, such as %….sha256',
      '@nonsense.ed25519 is not the key of a message, such as %….sha256',
      'nonsense is not a feed id, such as @….ed25519',
      '--feeds needs a whole number',
      expect.stringMatching(/required option '--(messages|seed) /),
      expect.stringMatching(/too many arguments/),
      'there is no command "strat"; "dunbar --help" lists them',
      'nonsense is not the address of a peer, such as net:HOST:8008~shs:…=',
      'that is no invite code: expected host:port:@key~seed',
      '--host needs an address of this machine, or a name of it',
    ])
    expect(existsSync(path)).toBe(false)
  })

  test('a config.json that is no JSON, or has a setting that nobody knows', async () => {
    const path = join(folder, 'configured')
    mkdirSync(path)
    const config = join(path, 'config.json')
    writeFileSync(config, '{"shards": ')
    expect(await dunbarRefuses(['start', '--path', path])).toMatch(/config\.json is no JSON: /)
    writeFileSync(config, '{"shards": "two"}')
    expect(await dunbarRefuses(['start', '--path', path])).toMatch(/config\.json: shards: /)
    writeFileSync(config, '{"shrads": 2}')
    expect(await dunbarRefuses(['start', '--path', path])).toMatch(/config\.json: .*shrads/)
    mkdirSync(join(path, 'feeds'))
    expect(await dunbarRefuses(['feeds', '--path', path])).toMatch(/config\.json: .*shrads/)
    expect(readdirSync(path).sort()).toEqual(['config.json', 'feeds'])
  })

  test('a DUNBAR_ variable that is no number', async () => {
    const path = join(folder, 'environment')
    const environment = { DUNBAR_SHARDS: 'two', DUNBAR_PATH: path }
    expect(await dunbarRefuses(['start'], { environment })).toMatch(/the environment: shards: /)
  })

  test('a damaged secret, which is left as it is and not told', async () => {
    const path = join(folder, 'damaged')
    mkdirSync(path)
    const text = '{"curve":"ed25519","private":"c2VjcmV0'
    writeFileSync(join(path, 'secret'), text)
    const sentence = await dunbarRefuses(['start', '--path', path])
    expect(sentence).toMatch(/^the secret file can't be used: /)
    expect(sentence).not.toContain('c2Vj')
    expect(readdirSync(path)).toEqual(['secret'])
  })

  test('files of a node that are no files, or folders that are none', async () => {
    const path = join(folder, 'mixed')
    mkdirSync(join(path, 'feeds'), { recursive: true })
    const refused = () => dunbarRefuses(['feeds', '--path', path])
    const refusedWith = async (name: string, make: (place: string) => void) => {
      const place = join(path, name)
      rmSync(place, { recursive: true, force: true })
      make(place)
      const sentence = await refused()
      rmSync(place, { recursive: true })
      return sentence
    }
    const file = (place: string) => writeFileSync(place, 'a file\n')
    const directory = (place: string) => mkdirSync(place)
    expect([
      await refusedWith('secret', directory),
      await refusedWith('config.json', directory),
      await refusedWith('socket', file),
      await refusedWith('socket', directory),
      await refusedWith('feeds', file),
    ]).toEqual([
      'the secret file cannot be read (EISDIR)',
      `${path}/config.json can't be read: EISDIR`,
      `${path}/socket should be a socket and is something else`,
      `${path}/socket should be a socket and is something else`,
      'the disk failed: listing the feeds',
    ])
  })

  test('a path that is too long for a socket', async () => {
    const path = join(folder, 'x'.repeat(120))
    const sentence = await dunbarRefuses(['start', '--path', path])
    expect(sentence).toMatch(/^the path of a node's folder may have \d+ bytes, and .* has \d+$/)
    expect(existsSync(path)).toBe(false)
  })

  test.runIf(isRoot)('a secret that belongs to somebody else', async () => {
    const path = join(folder, 'foreign')
    mkdirSync(path)
    writeFileSync(join(path, 'secret'), '{}', { mode: 0o400 })
    chownSync(path, NOBODY, NOBODY)
    chmodSync(folder, 0o755)
    expect(await dunbarRefuses(['start', '--path', path], asNobody)).toBe(
      'the secret file cannot be read (EACCES)',
    )
  })
})
