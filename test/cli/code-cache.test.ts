import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { startNodeProgram } from '../fixtures/program.js'
import { temporaryFolder } from '../fixtures/temporary-folder.js'

const report = fileURLToPath(new URL('../fixtures/code-report.cjs', import.meta.url))

test('every thread of a node runs the code that was made when the program was built', async () => {
  const node = await startNodeProgram(join(temporaryFolder(), 'node'), [], {
    environment: { NODE_OPTIONS: `--require ${report}`, DUNBAR_LOG_LEVEL: 'warn' },
  })
  await node.kill('SIGTERM')
  expect(node.stderr().trim().split('\n').toSorted()).toEqual([
    'feed-shard.cjs ready',
    'feed-shard.cjs ready',
    'main.cjs ready',
  ])
})

const cli = fileURLToPath(new URL('../../packages/cli', import.meta.url))
const modules = fileURLToPath(new URL('../../node_modules', import.meta.url))

test('code that is damaged, cut off or gone is compiled anew', () => {
  const folder = join(temporaryFolder(), 'cli')
  for (const name of ['bin', 'bundle', 'package.json']) {
    cpSync(join(cli, name), join(folder, name), { recursive: true })
  }
  symlinkSync(modules, join(folder, 'node_modules'), 'junction')
  const cache = join(folder, 'bundle/main.cjs.cache')
  const whole = readFileSync(cache)
  const started = (change: () => void) => {
    rmSync(cache, { force: true, recursive: true })
    change()
    const environment = { ...process.env, NODE_OPTIONS: `--require ${report}` }
    const program = [join(folder, 'bin/dunbar.js'), '--version']
    const { stdout, stderr } = spawnSync(process.execPath, program, {
      env: environment,
      encoding: 'utf8',
    })
    return [stdout.trim(), stderr.trim()]
  }
  const { version } = JSON.parse(readFileSync(join(cli, 'package.json'), 'utf8'))
  expect(started(() => writeFileSync(cache, whole))).toEqual([version, 'main.cjs ready'])
  const compiled = [version, 'main.cjs compiled']
  const half = whole.length >> 1
  expect(started(() => {})).toEqual(compiled)
  expect(started(() => writeFileSync(cache, whole.subarray(0, half)))).toEqual(compiled)
  expect(started(() => writeFileSync(cache, Buffer.alloc(10)))).toEqual(compiled)
  expect(started(() => cpSync(join(cli, 'bin'), cache, { recursive: true }))).toEqual(compiled)
  const lost = Buffer.from(whole).fill(0, half)
  expect(started(() => writeFileSync(cache, lost))).toEqual(compiled)
})
