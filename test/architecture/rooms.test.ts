import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

/**
 * Who may import whom, as docs/architecture.md tells it. An edge that is not here fails: add it
 * here and there, with the reason, or do without.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  formats: ['core'],
  tangle: ['core'],
  'streamvbyte-wasm': [],
  archive: ['core', 'formats'],
  import: ['core'],
  actor: ['core'],
  feed: ['core', 'formats', 'tangle', 'archive', 'actor'],
  blobs: ['core', 'actor'],
  wire: ['core'],
  graph: ['core', 'actor', 'feed'],
  replicate: ['core', 'formats', 'actor', 'wire', 'graph', 'feed'],
  conn: ['core', 'actor', 'wire', 'graph'],
  archiver: ['core', 'formats', 'archive', 'actor', 'feed', 'blobs', 'wire'],
  api: ['core', 'actor', 'formats', 'tangle', 'feed', 'wire', 'graph'],
  client: ['core', 'wire'],
  node: [
    'core',
    'actor',
    'formats',
    'tangle',
    'feed',
    'import',
    'graph',
    'blobs',
    'wire',
    'replicate',
    'archiver',
    'conn',
    'api',
    'workers',
  ],
  testkit: ['core', 'actor', 'formats', 'feed', 'tangle', 'wire'],
  cli: ['core', 'actor', 'formats', 'archive', 'import', 'blobs', 'node', 'client', 'testkit'],
  workers: ['core', 'actor', 'feed', 'archiver'],
}

/** Packages that only one room may use, so that they can be replaced there. */
const ONLY_IN: Readonly<Record<string, string>> = {
  'sodium-native': 'core',
  muxrpc: 'wire',
  'secret-handshake/crypto.js': 'wire',
  'pull-stream': 'wire',
  pino: 'node',
  commander: 'cli',
  flatbuffers: 'archive',
  'streamvbyte-wasm': 'archive',
}

const root = resolve(import.meta.dirname, '../..')
const sourceFolder = (room: string) =>
  room === 'workers' ? join(root, 'workers') : join(root, 'packages', room, 'src')

function sourceFiles(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    if (name === 'dist' || name === 'node_modules') return []
    if (statSync(path).isDirectory()) return sourceFiles(path)
    return name.endsWith('.ts') ? [path] : []
  })
}

const importsOf = (path: string): string[] =>
  [...readFileSync(path, 'utf8').matchAll(/(?:from|import|import\()\s*'([^'.][^']*)'/g)].map(
    (match) => match[1]!,
  )

describe('the rooms', () => {
  test('are all in the table', () => {
    expect([...readdirSync(join(root, 'packages')), 'workers'].sort()).toEqual(
      Object.keys(MAY_IMPORT).sort(),
    )
  })

  for (const [room, allowed] of Object.entries(MAY_IMPORT)) {
    const files = sourceFiles(sourceFolder(room))

    test(`${room} imports only rooms below it, and those by name`, () => {
      for (const path of files) {
        for (const name of importsOf(path)) {
          if (!name.startsWith('@dunbar/')) continue
          const [, target, ...deeper] = name.split('/')
          expect(allowed, `${path} imports ${name}`).toContain(target)
          if (target !== 'workers') expect(deeper, `${path} imports ${name}`).toEqual([])
        }
      }
    })

    test(`${room} uses no package that belongs to another room`, () => {
      for (const path of files) {
        for (const name of importsOf(path)) {
          const owner = ONLY_IN[name]
          if (owner !== undefined) expect(room, `${path} imports ${name}`).toBe(owner)
        }
      }
    })

    test(`${room} exports nothing by default and has a README of its own`, () => {
      for (const path of files) {
        expect(readFileSync(path, 'utf8'), path).not.toMatch(/^export default/m)
      }
      const folder = room === 'workers' ? join(root, 'workers') : join(root, 'packages', room)
      expect(readdirSync(folder)).toContain('README.md')
    })
  }
})
