import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Placement } from '../process.js'
import { ForeignSubject } from './foreign.js'
import type { Subject, SubjectName } from './subject.js'

/** A workspace of its own, so that nobody has to have the peers: `npm run bench:peers`. */
const FOLDER = new URL('../../peers/', import.meta.url).pathname

/** The other subjects of a run. */
export interface Peers {
  readonly present: readonly Subject[]
  readonly absent: Readonly<Record<string, { readonly cannot: string }>>
}

type PeerName = Exclude<SubjectName, 'dunbar'>

/** Those of these names that are installed. */
export function peersOf(names: readonly PeerName[], placement: Placement): Peers {
  const present: Subject[] = []
  const absent: Record<string, { readonly cannot: string }> = {}
  for (const name of names) {
    if (existsSync(join(FOLDER, 'node_modules', name)))
      present.push(new ForeignSubject(name, FOLDER, placement))
    else absent[name] = { cannot: 'not installed: npm run bench:peers' }
  }
  return { present, absent }
}
