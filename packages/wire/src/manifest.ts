import { renameSync, writeFileSync } from 'node:fs'
import { WireError } from './errors.js'
import type { Method, MethodTable, MethodType } from './method.js'

/** Types of methods by name, nested at the dots, as clients expect it. */
export interface Manifest {
  [name: string]: MethodType | Manifest
}

/**
 * The nested names and types of a table. Its objects have no prototype.
 * @throws {METHOD_NAME_CLASH} where one method's name is the beginning of another's
 */
export function manifestOf(methods: MethodTable): Manifest {
  const root = emptyManifest()
  for (const method of methods.values()) {
    const path = method.name.split('.')
    const last = path.pop()!
    let level = root
    for (const part of path) {
      const next = level[part]
      if (next === undefined) {
        const made = emptyManifest()
        level[part] = made
        level = made
      } else if (typeof next === 'string') {
        throw nameClash(method)
      } else {
        level = next
      }
    }
    if (level[last] !== undefined) throw nameClash(method)
    level[last] = method.type
  }
  return root
}

/** Writes `manifest.json`, indented by two, replaced in one step. */
export function writeManifest(path: string, methods: MethodTable): void {
  const partial = `${path}.${process.pid}.partial`
  writeFileSync(partial, `${JSON.stringify(manifestOf(methods), null, 2)}\n`)
  renameSync(partial, path)
}

/** The table with a `manifest` method that tells what is in it, itself included. One that is there stays. */
export function withManifest(methods: MethodTable): MethodTable {
  if (methods.has('manifest')) return methods
  const table = new Map<string, Method>(methods)
  table.set('manifest', { name: 'manifest', type: 'sync', handler: () => manifest })
  const manifest = manifestOf(table)
  return table
}

/** A table of these methods. A name that comes twice is a mistake of the caller's. */
export function methodTable(methods: Iterable<Method>): MethodTable {
  const table = new Map<string, Method>()
  for (const method of methods) {
    if (table.has(method.name)) throw nameClash(method)
    table.set(method.name, method)
  }
  return table
}

function emptyManifest(): Manifest {
  return Object.create(null) as Manifest
}

function nameClash(method: Method): WireError {
  return new WireError('METHOD_NAME_CLASH', `the name ${method.name} is taken`, {
    name: method.name,
  })
}
