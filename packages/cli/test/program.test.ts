import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { COMMANDS } from '../src/command-names.js'

const program = new URL('../bin/dunbar.js', import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), 'dunbar-cli-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Ended {
  readonly exitCode: number
  readonly out: string
  readonly err: string
}

function dunbar(...words: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { ...process.env, DUNBAR_PATH: join(folder, 'node') }
    execFile(process.execPath, [program, ...words], { env }, (error, out, err) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), out, err })
    })
  })
}

/** Exit code 1, nothing among the results, one sentence. */
async function expectMistake(words: string[], sentence: RegExp): Promise<void> {
  const { exitCode, out, err } = await dunbar(...words)
  expect({ exitCode, out, lines: err.split('\n').length }).toEqual({
    exitCode: 1,
    out: '',
    lines: 2,
  })
  expect(err).toMatch(sentence)
}

describe('dunbar', () => {
  it.each(COMMANDS)('shows help with an example for %s', async (name) => {
    const { exitCode, out, err } = await dunbar(name, '--help')
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
    expect(out).toMatch(new RegExp(`^Usage: dunbar ${name}`))
    expect(out).toMatch(/Example:\n {2}\$ .*dunbar /)
    expect(out).toContain('--path <folder>')
    expect(out).toContain('--json')
  })

  it('lists every command in its help, and shows that when nothing is asked', async () => {
    const { exitCode, out } = await dunbar()
    expect(exitCode).toBe(0)
    for (const name of COMMANDS) expect(out).toMatch(new RegExp(`^ {2}${name} `, 'm'))
    expect((await dunbar('--help')).out).toBe(out)
  })

  it.each([
    [['--foo'], /unknown option '--foo'/],
    [['feeds', '--foo'], /unknown option '--foo'/],
    [['feeds', 'more'], /too many arguments for 'feeds'/],
    [['generate', '--feeds', '3'], /'--messages <count>' not specified/],
    [
      ['generate', '--feeds', 'x', '--messages', '1', '--seed', '1'],
      /--feeds needs a whole number/,
    ],
    [['generate', '--feeds', '0', '--messages', '1', '--seed', '1'], /feeds .*not 0/],
    [
      ['generate', '--feeds', '1', '--messages', '1', '--seed', '1', '--spread', 'odd'],
      /--spread needs one of natural, even, giants/,
    ],
    [['start', '--shards', '0'], /--shards needs a whole number from 1 to 64/],
    [['import'], /missing required argument 'file'/],
    [['import', join(folder, 'nothing')], /there is no file .*nothing/],
    [['get', 'abc'], /abc is not the key of a message/],
    [['tangle', '@abc'], /@abc is not the key of a message/],
    [['export', '--feed', 'abc'], /abc is not a feed id/],
    [['publish', '--text', 'hello'], /publish needs a --type/],
    [['publish', '--type', 'post'], /a post needs a --text/],
    [['publish', '--type', 'post', '--text', 'a', '--root', 'x'], /x is not the key of a message/],
    [['publish', '--type', 'post', '--text', 'a', '--branch', 'x'], /--branch needs the --root/],
    [['feeds', '--path'], /--path needs a folder/],
    [['status', '--running'], /no node runs on .*node/],
    [['feeds'], /there is no node in .*node: "dunbar start" or "dunbar import" makes one/],
    [['whoami'], /there is no node in /],
    [['no-such-method'], /there is no command or method "no-such-method"/],
  ])('answers the mistake %j with one sentence and exit code 1', expectMistake)

  it('refuses a file where the folder of a node should be', async () => {
    const path = join(folder, 'file')
    writeFileSync(path, 'x')
    await expectMistake(['feeds', '--path', path], /file is a file, not the folder of a node/)
    await expectMistake(['start', '--path', path], /file is not a folder/)
  })

  it('refuses an empty file', async () => {
    const path = join(folder, 'empty')
    writeFileSync(path, '')
    await expectMistake(['import', path], /empty is empty: there is nothing to import/)
  })

  it('generates the same JSON lines for the same seed, and others for another', async () => {
    const counts = ['--feeds', '4', '--messages', '300']
    const first = await dunbar('generate', ...counts, '--seed', 'one')
    expect(first.exitCode).toBe(0)
    const lines = first.out.trimEnd().split('\n')
    expect(lines).toHaveLength(300)
    for (const line of lines) {
      const { key, value, timestamp } = JSON.parse(line)
      const text = JSON.stringify(value, null, 2)
      const hash = createHash('sha256').update(text, 'latin1').digest('base64')
      expect(key).toBe(`%${hash}.sha256`)
      expect(timestamp).toBeTypeOf('number')
    }
    expect((await dunbar('generate', ...counts, '--seed', 'one', '--json')).out).toBe(first.out)
    expect((await dunbar('generate', ...counts, '--seed', 'two')).out).not.toBe(first.out)
    const even = await dunbar('generate', ...counts, '--seed', 'one', '--spread', 'even')
    expect(even.out).not.toBe(first.out)
  })

  it('ends quietly when nobody reads its output any more', async () => {
    const words = ['generate', '--feeds', '4', '--messages', '1000000', '--seed', '1']
    const child = spawn(process.execPath, [program, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let err = ''
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    child.stdout.once('data', () => child.stdout.destroy())
    const exitCode = await new Promise((resolve) => child.on('close', resolve))
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
  })
})
