import type { Workload } from '../bench.js'
import { feed } from './feed.js'
import { importing } from './import.js'
import { lookup } from './lookup.js'
import { mentions } from './mentions.js'
import { tangle } from './tangle.js'
import { types } from './types.js'

/** In the order in which they run. */
export const workloads: readonly Workload[] = [importing, lookup, feed, types, tangle, mentions]
