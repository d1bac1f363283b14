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

export interface BareNode {
  /** From the start of the process until it says that its threads run, ms. */
  readonly readyMs: number
  /** Resident after the rest, MiB. */
  readonly residentMiB: number
  /** Its open files, pipes and events of the system. */
  readonly fileHandles: number
}

/** Node itself, which a node of dunbar can't be quicker or smaller than. */
export async function bareNode(placement: Placement, restMs = 0): Promise<BareNode> {
  const startedAt = performance.now()
  const child = spawnNode('--eval', [PROGRAM], placement)
  await once(child.stdout!, 'data')
  const readyMs = performance.now() - startedAt
  if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs))
  const measured = measuredProcess(child.pid!)
  const residentMiB = measured.residentBytes() / 2 ** 20
  const fileHandles = measured.fileHandles()
  await ended(child)
  return { readyMs, residentMiB, fileHandles }
}
