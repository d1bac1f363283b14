import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const room = resolve(import.meta.dirname, '..')
/** Other versions of flatc print other code for the same schema. */
const flatcVersion = 'flatc version 2.0.8'
const found = spawnSync('flatc', ['--version'], { encoding: 'utf8' })
const foundVersion = found.error === undefined ? found.stdout.trim() : 'no flatc'

describe('the generated code', () => {
  it('is what flatc 2.0.8 makes of the schema', (context) => {
    if (foundVersion !== flatcVersion) {
      context.skip(`${foundVersion} is here, which is not ${flatcVersion}`)
    }
    const folder = mkdtempSync(join(tmpdir(), 'dunbar-flatc-'))
    try {
      const schema = join(room, 'schema/bipf2.fbs')
      const made = spawnSync('flatc', ['--ts', '--ts-flat-files', '-o', folder, schema], {
        encoding: 'utf8',
      })
      expect(made.stderr + made.stdout).toBe('')
      const generated = readFileSync(join(folder, 'bipf2_generated.ts'), 'utf8')
      expect(readFileSync(join(room, 'src/bipf2-generated.ts'), 'utf8')).toBe(generated)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
