import type { Workload } from '../bench.js'
import { archiving } from './archive.js'
import { blocks } from './blocks.js'
import { catchUp } from './catch-up.js'
import { importing } from './import.js'
import { integers } from './integers.js'
import { limiting } from './limits.js'
import { serving } from './serving.js'

/** In the order in which they run. */
export const workloads: readonly Workload[] = [
  limiting,
  importing,
  archiving,
  catchUp,
  blocks,
  integers,
  serving,
]
