import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { connect } from '@dunbar/client'
import { type ConfigFlags, loadConfig } from '@dunbar/node'
import { describe, expect, test } from 'vitest'
import { startNodeProgram } from '../fixtures/program.js'
import { temporaryFolder } from '../fixtures/temporary-folder.js'

function configured(file: object | null): string {
  const path = join(temporaryFolder(), 'node')
  mkdirSync(path)
  if (file !== null) writeFileSync(join(path, 'config.json'), JSON.stringify(file))
  return path
}

describe('a setting', () => {
  const load = (flags: ConfigFlags, environment: Record<string, string>, file: object | null) =>
    loadConfig({ ...flags, path: configured(file) }, environment)

  test('comes from the flags, else the environment, else the file, else the default', () => {
    const file = { shards: 3, openFiles: 30, cacheBytes: 3000 }
    const environment = { DUNBAR_SHARDS: '2', DUNBAR_OPEN_FILES: '20' }
    expect(load({ shards: 1 }, environment, file)).toMatchObject({
      shards: 1,
      openFiles: 20,
      cacheBytes: 3000,
      passivateAfterMs: 30_000,
    })
    expect(load({}, {}, null)).toMatchObject({
      shards: availableParallelism(),
      caps: { sign: null },
    })
  })

  test('in a group leaves the others of the group as they are', () => {
    const file = { logging: { level: 'warn', rooms: { feed: 'debug' } }, api: { connections: 5 } }
    expect(
      load({ logging: { format: 'json' } }, { DUNBAR_LOG_LEVEL: 'error' }, file),
    ).toMatchObject({
      logging: { level: 'error', rooms: { feed: 'debug' }, format: 'json' },
      api: { connections: 5 },
    })
  })

  test('of the wrong kind is refused with its name and where it stands', () => {
    const refused = (environment: Record<string, string>, file: object) => () =>
      load({}, environment, file)
    expect(refused({ DUNBAR_CACHE_BYTES: 'much' }, {})).toThrow(/^the environment: cacheBytes: /)
    expect(refused({ DUNBAR_CAPS_SIGN: 'short' }, {})).toThrow(/^the environment: caps\.sign: /)
    expect(refused({}, { logging: { level: 'loud' } })).toThrow(/config\.json: logging\.level: /)
    expect(refused({}, { constructor: 1 })).toThrow(/config\.json: .*constructor/)
    expect(refused({}, JSON.parse('{"__proto__": {"shards": 1}}'))).toThrow(
      /config\.json: .*__proto__/,
    )
    expect(refused({}, [])).toThrow(/config\.json: /)
  })

  test('of the network comes from its variables, each alone', () => {
    expect(load({}, {}, null)).toMatchObject({
      network: { listen: true, host: '::', port: 8008, isPortOpen: true, lan: true },
      replication: { hops: 2, feeds: null, bytes: null },
    })
    const environment = {
      DUNBAR_LISTEN: 'false',
      DUNBAR_HOST: '127.0.0.1',
      DUNBAR_PORT: '9000',
      DUNBAR_LAN: 'false',
      DUNBAR_AUTOCONNECT: 'false',
      DUNBAR_EXTERNAL: 'one.example, two.example',
      DUNBAR_HOPS: '1',
    }
    const expected = {
      DUNBAR_LISTEN: { network: { listen: false } },
      DUNBAR_HOST: { network: { host: '127.0.0.1' } },
      DUNBAR_PORT: { network: { port: 9000, isPortOpen: false } },
      DUNBAR_LAN: { network: { lan: false } },
      DUNBAR_AUTOCONNECT: { network: { autoconnect: false } },
      DUNBAR_EXTERNAL: { network: { external: ['one.example', 'two.example'] } },
      DUNBAR_HOPS: { replication: { hops: 1 } },
    }
    for (const [name, value] of Object.entries(environment)) {
      expect(load({}, { [name]: value }, null)).toMatchObject(
        expected[name as keyof typeof expected],
      )
    }
    const file = { network: { lanPort: 9001, host: 'file.example' }, replication: { feeds: 9 } }
    expect(load({ network: { port: 0 } }, environment, file)).toMatchObject({
      network: { port: 0, host: '127.0.0.1', lanPort: 9001 },
      replication: { hops: 1, feeds: 9 },
    })
  })

  test('of the network that nobody knows, or of the wrong kind, is refused by name', () => {
    const refused = (environment: Record<string, string>, file: object = {}) => {
      return () => load({}, environment, file)
    }
    expect(refused({ DUNBAR_PORT: 'http' })).toThrow(/^the environment: network\.port: /)
    expect(refused({ DUNBAR_PORT: '65536' })).toThrow(/^the environment: network\.port: /)
    expect(refused({ DUNBAR_LAN: 'maybe' })).toThrow(/^the environment: network\.lan: /)
    expect(refused({ DUNBAR_HOPS: '-1' })).toThrow(/^the environment: replication\.hops: /)
    expect(refused({}, { network: { prot: 8008 } })).toThrow(/config\.json: network\.prot: /)
    expect(refused({}, { replication: { hop: 1 } })).toThrow(/config\.json: replication\.hop: /)
    expect(refused({}, { network: { host: '' } })).toThrow(/config\.json: network\.host: /)
    expect(refused({}, { network: { external: [''] } })).toThrow(/network\.external\.0: /)
  })

  test('of the folder is $DUNBAR_PATH where no flag says it', () => {
    const path = configured({ shards: 7 })
    expect(loadConfig({}, { DUNBAR_PATH: path })).toMatchObject({ path, shards: 7 })
    const other = configured(null)
    expect(loadConfig({ path: other }, { DUNBAR_PATH: path, DUNBAR_SHARDS: '1' })).toMatchObject({
      path: other,
      shards: 1,
    })
  })
})

test('a node runs with the shards of its flag, and logs JSON at the level of its environment', async () => {
  const path = configured({ shards: 1, logging: { level: 'error', rooms: { wire: 'silent' } } })
  const environment = { DUNBAR_SHARDS: '1', DUNBAR_LOG_LEVEL: 'info' }
  const program = await startNodeProgram(path, [], { environment })
  const client = await connect({ path })
  const { shards } = (await client.status()) as unknown as { shards: unknown[] }
  expect(shards).toHaveLength(2)
  await client.close()
  await program.kill('SIGTERM')
  const lines = program.stderr().trim().split('\n')
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({ level: 30, room: 'node', msg: 'ready', shards: 2 }),
    expect.objectContaining({ level: 30, room: 'node', msg: 'stopped' }),
  ])
})

test('a room logs at its own level, and lines are for people where the configuration says so', async () => {
  const path = configured({ logging: { level: 'info', rooms: { node: 'error' } } })
  const quiet = await startNodeProgram(path)
  await quiet.kill('SIGTERM')
  expect(quiet.stderr()).toBe('')
  const environment = { DUNBAR_LOG_FORMAT: 'pretty' }
  const pretty = await startNodeProgram(configured(null), [], { environment })
  await pretty.kill('SIGTERM')
  expect(pretty.stderr()).toMatch(/INFO.*: node: ready/)
})
