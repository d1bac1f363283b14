import type { Workload } from '../bench.js'
import { disk } from './disk.js'
import { feed } from './feed.js'
import { handles } from './handles.js'
import { importing } from './import.js'
import { killedThread } from './killed-thread.js'
import { lookup } from './lookup.js'
import { memory } from './memory.js'
import { mentions } from './mentions.js'
import { million } from './million.js'
import { rebuild } from './rebuild.js'
import { restart } from './restart.js'
import { tangle } from './tangle.js'
import { types } from './types.js'

/** In the order in which they run. */
export const workloads: readonly Workload[] = [
  importing,
  restart,
  lookup,
  feed,
  types,
  tangle,
  mentions,
  memory,
  rebuild,
  handles,
  disk,
  killedThread,
  million,
]
