import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  type Method,
  type MethodType,
  manifestOf,
  methodTable,
  writeManifest,
} from '../src/index.js'
import { temporarySocketPath } from './temp-folder.js'

const method = (name: string, type: MethodType): Method => ({ name, type, handler: () => null })

describe('the manifest', () => {
  it('nests names at their dots', () => {
    const table = methodTable([
      method('whoami', 'sync'),
      method('blobs.add', 'sink'),
      method('blobs.get', 'source'),
    ])
    expect(JSON.parse(JSON.stringify(manifestOf(table)))).toEqual({
      whoami: 'sync',
      blobs: { add: 'sink', get: 'source' },
    })
  })

  it('holds names that objects have of their own', () => {
    const table = methodTable([method('__proto__.constructor', 'async')])
    expect(JSON.stringify(manifestOf(table))).toBe('{"__proto__":{"constructor":"async"}}')
  })

  it.each([[['blobs', 'blobs.add']], [['blobs.add', 'blobs']], [['a.b.c', 'a.b']], [['a', 'a']]])(
    'refuses names that clash: %o',
    (names) => {
      expect(() => manifestOf(methodTable(names.map((name) => method(name, 'async'))))).toThrow(
        expect.objectContaining({ code: 'METHOD_NAME_CLASH' }),
      )
    },
  )

  it('is written indented by two', () => {
    const path = `${temporarySocketPath()}.json`
    writeManifest(path, methodTable([method('a.b', 'async')]))
    expect(readFileSync(path, 'utf8')).toBe('{\n  "a": {\n    "b": "async"\n  }\n}\n')
  })
})
