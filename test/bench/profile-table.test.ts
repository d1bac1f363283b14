import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Profiles } from '../../bench/dist/profile.js'
import { profileTables } from '../../bench/dist/profile-table.js'

const program = new URL('../../packages/cli/bin/dunbar.js', import.meta.url).pathname

describe('profiles', () => {
  let folder: string
  let tables: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'dunbar-bench-test-'))
    const profiles = new Profiles(['cpu', 'heap'], join(folder, 'profiles'))
    profiles.begin('publishing')
    const words = ['publish', '--type', 'post', '--text', 'hello', '--path', join(folder, 'node')]
    await promisify(execFile)(process.execPath, [...profiles.nodeFlags, program, ...words])
    profiles.begin('nothing')
    tables = await profileTables(profiles)
  }, 60_000)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('tell the time and the memory of each part in which a process was started', () => {
    expect(tables).toContain(join(folder, 'profiles', 'publishing'))
    expect(tables).toContain('self, ms')
    expect(tables).toContain('held, KiB')
    expect(tables).not.toContain('nothing')
  })

  test('name places in TypeScript, not in the bundle that was run', () => {
    expect(tables).toMatch(/(packages|workers)\/\S+\.[jt]s:\d+/)
    expect(tables).not.toMatch(/bundle\/main\.cjs:\d{3}/)
  })

  test('begin nothing anew for what is done aside', async () => {
    const profiles = new Profiles(['cpu'], folder)
    profiles.begin('one')
    const before = profiles.nodeFlags
    const aside = await profiles.aside('other', async () => profiles.nodeFlags)
    expect(aside).not.toEqual(before)
    expect(profiles.nodeFlags).toEqual(before)
  })
})
