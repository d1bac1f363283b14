import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const PROGRAM = `
  import { generateKeys } from '@dunbar/core'
  import { methodTable, serveTcp } from '@dunbar/wire'
  const keys = generateKeys()
  const options = { host: '127.0.0.1', port: 0, keys, networkKey: new Uint8Array(32) }
  const callbacks = { authorize: () => true, methodsFor: () => methodTable([]), onPeer() {} }
  const outcome = await serveTcp({ ...options, ...callbacks }).catch((error) => error)
  console.log(outcome.code ?? 'LISTENING')
  process.exit()
`

function outcomeWith(environment: Readonly<Record<string, string>>): string {
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', PROGRAM], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { ...process.env, ...environment },
    encoding: 'utf8',
  })
  return stdout.trim()
}

it('is libsodium, and nobody listens with anything else', () => {
  expect(outcomeWith({})).toBe('LISTENING')
  expect(outcomeWith({ CHLORIDE_JS: '1' })).toBe('UNTESTED_CRYPTO')
})
