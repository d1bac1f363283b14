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
