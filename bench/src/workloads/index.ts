import type { Workload } from '../bench.js'
import { archiving } from './archive.js'
import { blocks } from './blocks.js'
import { catchUp } from './catch-up.js'
import { feed } from './feed.js'
import { importing } from './import.js'
import { integers } from './integers.js'
import { limiting } from './limits.js'
import { lookup } from './lookup.js'
import { mentions } from './mentions.js'
import { serving } from './serving.js'
import { tangle } from './tangle.js'
import { types } from './types.js'

/** In the order in which they run. */
export const workloads: readonly Workload[] = [
  limiting,
  importing,
  lookup,
  feed,
  types,
  tangle,
  mentions,
  archiving,
  catchUp,
  blocks,
  integers,
  serving,
]
