import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import Table from 'cli-table3'
import { type Place, sourcePlaces } from './bundle-places.js'
import type { ProfileKind, Profiles } from './profile.js'
import { shortNumber } from './table.js'

/** Functions that a table names. */
const ROWS = 15
/** Waiting is nobody's work; threads of the pool wait in a function of its. */
const IDLE = new Set(['(idle)', '(root)', 'atomicsWaitLoop'])

interface CallFrame {
  readonly functionName: string
  /** Path or URL; empty for what is no script. */
  readonly url: string
  /** From 0. */
  readonly lineNumber: number
  readonly columnNumber: number
}

interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[]
  /** Ids of nodes. */
  readonly samples: readonly number[]
  /** µs before each sample. */
  readonly timeDeltas: readonly number[]
}

interface HeapNode {
  readonly callFrame: CallFrame
  readonly selfSize: number
  readonly children: readonly HeapNode[]
}

interface Cost {
  readonly name: string
  readonly place: string
  amount: number
}

type Add = (frame: CallFrame, amount: number) => void

const kinds: Readonly<
  Record<
    ProfileKind,
    { readonly head: string; readonly suffix: string; add(text: string, add: Add): void }
  >
> = {
  cpu: { head: 'self, ms', suffix: '.cpuprofile', add: addCpu },
  /** Of what was still held when the process ended. */
  heap: { head: 'held, KiB', suffix: '.heapprofile', add: addHeap },
}

function addCpu(text: string, add: Add): void {
  const { nodes, samples, timeDeltas } = JSON.parse(text) as CpuProfile
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  // A sample's function runs until the next one is taken.
  for (const [index, id] of samples.entries()) {
    add(frames.get(id)!, (timeDeltas[index + 1] ?? 0) / 1000)
  }
}

function addHeap(text: string, add: Add): void {
  const { head } = JSON.parse(text) as { readonly head: HeapNode }
  const left = [head]
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    add(node.callFrame, node.selfSize / 1024)
    left.push(...node.children)
  }
}

/** A table for each workload and kind: the dearest functions by themselves, of all threads and processes. */
export async function profileTables(profiles: Profiles): Promise<string> {
  const placeOf = await sourcePlaces()
  const tables: string[] = []
  for (const [part, folder] of profiles.folders) {
    if (!existsSync(folder)) continue
    for (const kind of profiles.kinds) {
      tables.push(`${part}: ${folder}\n${tableOf(kind, folder, placeOf)}`)
    }
  }
  return tables.join('\n\n')
}

function tableOf(kind: ProfileKind, folder: string, placeOf: (place: Place) => string): string {
  const { head, suffix, add } = kinds[kind]
  const functions = new Map<string, Cost>()
  const costs = new Map<CallFrame, Cost>()
  for (const file of readdirSync(folder).filter((name) => name.endsWith(suffix))) {
    add(readFileSync(join(folder, file), 'utf8'), (frame, amount) => {
      if (IDLE.has(frame.functionName)) return
      const cost = costs.get(frame) ?? costOf(frame)
      costs.set(frame, cost)
      cost.amount += amount
    })
    costs.clear()
  }
  const dearest = [...functions.values()].sort((a, b) => b.amount - a.amount)
  const total = dearest.reduce((sum, { amount }) => sum + amount, 0)
  const table = new Table({ head: [head, '%', 'function', 'where'], style: { head: [] } })
  for (const { name, place, amount } of dearest.slice(0, ROWS)) {
    table.push([shortNumber(amount), ((100 * amount) / total).toFixed(1), name, place])
  }
  return table.toString()

  /** One for a function of TypeScript, in whatever bundle it lies. */
  function costOf({ functionName, url, lineNumber: line, columnNumber: column }: CallFrame): Cost {
    const name = functionName || '(anonymous)'
    const place = url === '' ? '' : placeOf({ file: url, line, column })
    const known = functions.get(`${name} ${place}`)
    if (known !== undefined) return known
    const cost = { name, place, amount: 0 }
    functions.set(`${name} ${place}`, cost)
    return cost
  }
}
