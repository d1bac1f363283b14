import type { Workload } from '../bench.js'
import { importing } from './import.js'
import { limiting } from './limits.js'

/** In the order in which they run. */
export const workloads: readonly Workload[] = [limiting, importing]
