import type { Workload } from '../bench.js'
import { busy } from './busy.js'
import { feed } from './feed.js'
import { importing } from './import.js'
import { live } from './live.js'
import { lookup } from './lookup.js'
import { mentions } from './mentions.js'
import { publish } from './publish.js'
import { sync } from './sync.js'
import { tangle } from './tangle.js'
import { types } from './types.js'

/** In the order in which they run. */
export const workloads: readonly Workload[] = [
  importing,
  lookup,
  feed,
  types,
  tangle,
  mentions,
  publish,
  live,
  sync,
  busy,
]
