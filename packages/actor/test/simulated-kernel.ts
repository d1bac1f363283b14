import { CodedError } from '@dunbar/core'
import { SimulatedThreads, Simulation, type Step, type ThreadEntry } from '@dunbar/testkit'
import {
  type Answered,
  type Behaviour,
  createKernel,
  type Effect,
  type ExitReason,
  type From,
  type Kernel,
  type KernelEvent,
  type KernelOptions,
  type Logger,
  noReply,
  type Place,
  reply,
  stop,
  systemPorts,
} from '../src/index.js'

export { Simulation, type Step }

export const silent: Logger = { log: () => {} }

/** The kernel never touches files; the port has to be there. */
export const parts = () => ({ fs: systemPorts(silent).fs, logger: silent })

export interface SimulatedKernel {
  readonly simulation: Simulation
  readonly kernel: Kernel
  readonly threads: SimulatedThreads
  /** What happened to the tree: `crashed a`, `restarted a`, … */
  readonly events: string[]
}

export function simulatedKernel(
  options: {
    seed?: number
    place?: Place
    entries?: Record<string, ThreadEntry>
    onStep?: (step: Step) => void
  } & Pick<KernelOptions, 'name'> = {},
): SimulatedKernel {
  const { seed = 1, place, entries = {}, onStep, name } = options
  const simulation = new Simulation({ seed, ...(onStep === undefined ? {} : { onStep }) })
  const events: string[] = []
  const kernel = createKernel({
    ports: simulation.ports('main', parts()),
    onEvent: (event: KernelEvent) => events.push(`${event.op} ${event.name}`),
    ...(place === undefined ? {} : { place }),
    ...(name === undefined ? {} : { name }),
  })
  const threads = new SimulatedThreads({ simulation, entries, parts })
  return { simulation, kernel, threads, events }
}

/** What a probe actor does when asked. */
export type ProbeCall =
  | { op: 'echo'; value?: unknown }
  /** How many starts of this name there were. */
  | { op: 'starts' }
  | { op: 'crash' }
  | { op: 'stop'; reason?: ExitReason }
  /** Never answered by itself. */
  | { op: 'keep' }
  /** Answers everything that was kept. */
  | { op: 'answerKept'; value?: unknown }
  /** Answers from a handler whose promise settles when `settle` is called. */
  | { op: 'wait' }
  | { op: 'effect'; effect: Effect }
  | { op: 'run'; run: (from: From) => Effect }

interface ProbeState {
  kept: From[]
  settle: (() => void)[]
}

/** Everything that probes did, in order. */
export class Journal {
  readonly lines: string[] = []
  readonly states = new Map<string, ProbeState>()
  readonly starts = new Map<string, number>()
  /** Names whose `init` throws, and how often yet. */
  readonly failStarts = new Map<string, number>()
  /** Names whose `terminate` never ends. */
  readonly stuck = new Set<string>()

  note(line: string): void {
    this.lines.push(line)
  }

  take(): string[] {
    return this.lines.splice(0)
  }

  /** Lets all waiting handlers of an actor go on. */
  settle(name: string): void {
    for (const run of this.states.get(name)?.settle.splice(0) ?? []) run()
  }
}

export const probe = (
  journal: Journal,
  more: Partial<Behaviour<ProbeState, unknown, ProbeCall, unknown, unknown, unknown>> = {},
): Behaviour<ProbeState, unknown, ProbeCall, unknown, unknown, unknown> => ({
  init(_arg, { name }) {
    journal.starts.set(name, (journal.starts.get(name) ?? 0) + 1)
    const failures = journal.failStarts.get(name) ?? 0
    if (failures > 0) {
      journal.failStarts.set(name, failures - 1)
      journal.note(`fail ${name}`)
      throw new CodedError('PROBE_START', 'told to fail')
    }
    journal.note(`start ${name}`)
    const state: ProbeState = { kept: [], settle: [] }
    journal.states.set(name, state)
    return state
  },
  handleCall(call, from, state, { name }) {
    switch (call.op) {
      case 'echo':
        return reply(from, call.value)
      case 'starts':
        return reply(from, journal.starts.get(name))
      case 'crash':
        throw new CodedError('PROBE_CRASH', 'told to crash')
      case 'stop':
        return { ...reply(from, 'stopping'), ...stop(call.reason) }
      case 'keep':
        state.kept.push(from)
        return noReply()
      case 'answerKept':
        return {
          replies: [...state.kept.splice(0), from].map((to) => ({ to, value: call.value })),
        }
      case 'wait':
        return new Promise((resolve) => state.settle.push(() => resolve(reply(from, 'waited'))))
      case 'effect':
        return { ...reply(from, undefined), ...call.effect }
      case 'run':
        return call.run(from)
    }
  },
  handleInfo(info, _state, { name }) {
    if ((info as Answered).op === 'answered') return (info as Answered).effect
    journal.note(`${name} info ${JSON.stringify(info)}`)
    return noReply()
  },
  terminate({ kind }, _state, { name }) {
    journal.note(`end ${name} ${kind}`)
    return journal.stuck.has(name) ? new Promise<void>(() => {}) : undefined
  },
  ...more,
})

/** The code that a promise rejects with, or what it resolves to. */
export const outcome = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => value,
    (error: { code?: string }) => error.code ?? error,
  )
