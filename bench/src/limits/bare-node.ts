import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { ended, measuredProcess, type Placement, spawnNode } from '../process.js'

/** What a program of node's does that has no work: starts a thread for each core, says so, and waits. */
const PROGRAM = `
const { Worker } = require('node:worker_threads')
const { once } = require('node:events')
const threads = Array.from({ length: ${availableParallelism()} }, () =>
  new Worker('setInterval(() => {}, 60_000)', { eval: true }))
Promise.all(threads.map((thread) => once(thread, 'online'))).then(() => console.log('ready'))
process.once('SIGTERM', () => process.exit())
`

/** Time in which its memory settles. */
const REST_MS = 1_000

export interface BareNode {
  /** From the start of the process until it says that its threads run, ms. */
  readonly readyMs: number
  /** Resident after a rest, MiB. */
  readonly residentMiB: number
}

/** Node itself, which a node of dunbar can't be quicker or smaller than. */
export async function bareNode(placement: Placement, rests: boolean): Promise<BareNode> {
  const startedAt = performance.now()
  const child = spawnNode('--eval', [PROGRAM], placement)
  await once(child.stdout!, 'data')
  const readyMs = performance.now() - startedAt
  if (rests) await new Promise((resolve) => setTimeout(resolve, REST_MS))
  const residentMiB = measuredProcess(child.pid!).residentBytes() / 2 ** 20
  await ended(child)
  return { readyMs, residentMiB }
}
