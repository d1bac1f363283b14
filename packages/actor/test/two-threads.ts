import type { SimulatedThread } from '@dunbar/testkit'
import {
  actor,
  dynamic,
  type Heartbeat,
  joinThread,
  noReply,
  supervisor,
  thread,
} from '../src/index.js'
import { Journal, outcome, probe, type Step, simulatedKernel } from './simulated-kernel.js'

interface WorkerData {
  readonly names: readonly string[]
}

/**
 * Two threads, `t1` with the actors `t1/a` and `t1/b`, `t2` with `t2/a`, and a hub with `hub`. The
 * part of a name before the slash tells its thread.
 */
export async function threads(
  options: {
    seed?: number
    heartbeat?: Heartbeat
    onStep?: (step: Step) => void
    more?: Parameters<typeof probe>[1]
  } = {},
) {
  const journal = new Journal()
  const behaviour = probe(journal, options.more)
  const entry = ({ port, ports, workerData }: SimulatedThread) =>
    joinThread({
      port,
      ports,
      tree: () =>
        supervisor({
          name: 'shard',
          intensity: { restarts: 2, periodMs: 1_000 },
          children: [
            ...(workerData as WorkerData).names.map((name) =>
              actor({ name, behaviour, arg: null }),
            ),
            dynamic({
              name: 'feeds',
              prefix: 'feed/',
              child: (name) => actor({ name, behaviour, arg: null }),
            }),
          ],
        }),
    })
  const world = simulatedKernel({
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(options.onStep === undefined ? {} : { onStep: options.onStep }),
    place: (name) =>
      name.startsWith('feed/')
        ? 't1'
        : name.includes('/')
          ? name.slice(0, name.indexOf('/'))
          : null,
    entries: { shard: entry },
  })
  const { kernel, simulation, threads: host } = world
  const shard = (name: string, names: string[]) =>
    thread({
      name,
      host,
      entry: 'shard',
      workerData: { names } satisfies WorkerData,
      startMs: 5_000,
      heartbeat: options.heartbeat ?? null,
    })
  await simulation.run(
    kernel.start(
      supervisor({
        name: 'root',
        intensity: { restarts: 2, periodMs: 60_000 },
        children: [
          shard('t1', ['t1/a', 't1/b']),
          shard('t2', ['t2/a']),
          actor({ name: 'hub', behaviour, arg: null }),
        ],
      }),
    ),
  )
  const { router } = kernel
  const ask = (name: string, call: unknown) => simulation.run(outcome(router.call(name, call)))
  return { ...world, journal, router, ask }
}

/** A behaviour part whose cast makes the actor send a call on and keep the outcome. */
export const relay = (outcomes: unknown[]): Parameters<typeof probe>[1] => ({
  handleCast(cast, _state, { router }) {
    const { to, call } = cast as { to: string; call: unknown }
    void outcome(router.call(to, call)).then((result) => outcomes.push(result))
    return noReply()
  },
})
