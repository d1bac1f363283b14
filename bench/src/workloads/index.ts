import type { Workload } from '../bench.js'
import { archiving } from './archive.js'
import { blocks } from './blocks.js'
import { busy } from './busy.js'
import { catchUp } from './catch-up.js'
import { disk } from './disk.js'
import { feed } from './feed.js'
import { fewMany } from './few-many.js'
import { growth } from './growth.js'
import { handles } from './handles.js'
import { importing } from './import.js'
import { integers } from './integers.js'
import { killedThread } from './killed-thread.js'
import { limiting } from './limits.js'
import { live } from './live.js'
import { lookup } from './lookup.js'
import { memory } from './memory.js'
import { mentions } from './mentions.js'
import { million } from './million.js'
import { publish } from './publish.js'
import { rebuild } from './rebuild.js'
import { restart } from './restart.js'
import { serving } from './serving.js'
import { sync } from './sync.js'
import { tangle } from './tangle.js'
import { types } from './types.js'

/** In the order in which they run. */
export const workloads: readonly Workload[] = [
  limiting,
  importing,
  fewMany,
  disk,
  restart,
  lookup,
  feed,
  types,
  tangle,
  mentions,
  memory,
  publish,
  live,
  sync,
  busy,
  serving,
  archiving,
  catchUp,
  blocks,
  integers,
  rebuild,
  handles,
  killedThread,
  million,
  growth,
]
