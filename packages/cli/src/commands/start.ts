import type { DunbarNode } from '@dunbar/node'
import { Mistake } from '../mistake.js'
import { type CommandContext, OFFLINE } from '../session.js'
import { printPairs } from '../table.js'

export interface StartOptions {
  readonly shards?: string
  readonly host?: string
  readonly port?: string
  /** False with `--no-lan`. */
  readonly lan?: boolean
  readonly offline?: boolean
}

/** @throws {Mistake} for anything but a count of threads */
function shardCount(text: string | undefined): { shards?: number } {
  if (text === undefined) return {}
  const shards = Number(text)
  if (!Number.isInteger(shards) || shards < 1 || shards > 64) {
    throw new Mistake('--shards needs a whole number from 1 to 64')
  }
  return { shards }
}

/** @throws {Mistake} for a port or a host that is none */
function networkFlags(
  { host, port, lan, offline = false }: StartOptions,
  isHost: (text: string) => boolean,
) {
  const number = Number(port)
  if (
    port !== undefined &&
    !(port !== '' && Number.isInteger(number) && number >= 0 && number <= 65_535)
  ) {
    throw new Mistake('--port needs a whole number from 0 to 65535')
  }
  if (host !== undefined && !isHost(host)) {
    throw new Mistake('--host needs an address of this machine, or a name of it')
  }
  return {
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port: number }),
    ...(lan === false ? { lan } : {}),
    ...(offline ? OFFLINE : {}),
  }
}

/** Runs a node until a signal asks it to stop. The second signal ends the process at once. */
export async function start(context: CommandContext, options: StartOptions): Promise<number> {
  const stop = new AbortController()
  const stopping = new Promise<void>((resolve) => {
    const onSignal = () => {
      if (stop.signal.aborted) process.exit(1)
      stop.abort()
      resolve()
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
  })
  const { collectWhenIdle, isHost, startNode } = await import('@dunbar/node')
  let node: DunbarNode
  try {
    const { signal } = stop
    const network = networkFlags(options, isHost)
    node = await startNode({ path: context.path, network, ...shardCount(options.shards), signal })
  } catch (error) {
    if ((error as { code?: unknown }).code === 'START_ABORTED') return 0
    throw error
  }
  collectWhenIdle()
  try {
    const { id, path, socketPath, address } = node
    if (context.isJson) {
      await context.output.json({ event: 'ready', id, path, socket: socketPath, address })
    } else {
      await printPairs(context.output, [
        ['id', id],
        ['path', path],
        ['socket', socketPath],
        ['address', address ?? 'none, peers can not connect'],
      ])
    }
    const failure = await Promise.race([stopping, node.failed])
    if (failure !== undefined) throw failure
  } finally {
    await node.stop()
  }
  return 0
}
