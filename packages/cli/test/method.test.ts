import { expect, it } from 'vitest'
import { methodType } from '../src/commands/method.js'

it('finds the type of a method by its dotted name, and no inherited member', () => {
  const manifest = { whoami: 'sync', tangle: { read: 'source' } }
  expect(methodType(manifest, 'whoami')).toBe('sync')
  expect(methodType(manifest, 'tangle.read')).toBe('source')
  for (const name of ['tangle', 'tangle.write', 'whoami.length', 'constructor', 'toString.name']) {
    expect(methodType(manifest, name)).toBeUndefined()
  }
  expect(methodType(null, 'whoami')).toBeUndefined()
})
