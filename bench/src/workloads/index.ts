import type { Workload } from '../bench.js'
import { fewMany } from './few-many.js'
import { growth } from './growth.js'
import { importing } from './import.js'

/** In the order in which they run. */
export const workloads: readonly Workload[] = [importing, fewMany, growth]
