import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A path for a socket in a folder of its own, removed when the test ends. */
export function temporarySocketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dunbar-wire-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'socket')
}
