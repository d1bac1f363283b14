import { errorToPlain } from '@dunbar/core'
import { actorError } from './actor-error.js'
import type { ActorSpec, SupervisorSpec } from './child-spec.js'
import type { Batch } from './envelope.js'
import { type Kernel, ThreadKernel } from './kernel.js'
import type { Ports } from './ports.js'
import type { ThreadPort } from './thread-port.js'

export interface JoinOptions {
  /** `parentThreadPort()` in a worker. Call `joinThread` before anything is awaited: what comes earlier is lost. */
  readonly port: ThreadPort
  readonly ports: Ports
  /** The tree of this thread, made once the hub has greeted it. */
  readonly tree: () => SupervisorSpec | Promise<SupervisorSpec>
}

/**
 * Makes this thread part of the hub that started it: starts its tree and serves the names in it.
 * Resolves when the tree is up. Names that do not live here are asked for at the hub. When the tree
 * cannot start or gives up, the hub is told and ends the thread; when the hub asks for it, the tree
 * is stopped in order.
 */
export function joinThread({ port, ports, tree }: JoinOptions): Promise<Kernel> {
  return new Promise((resolve, reject) => {
    let receive: ((batch: Batch) => void) | null = null
    port.onMessage((batch) => {
      if (receive !== null) {
        receive(batch)
        return
      }
      const [welcome] = batch.envelopes
      if (welcome?.kind !== 'welcome') {
        reject(actorError('THREAD_DOWN', 'hub', 'its first word was no welcome'))
        return
      }
      const kernel = new ThreadKernel({ ports, name: nameOf(welcome.address) }, welcome.address)
      const { exchange } = kernel
      const link = exchange.joinHub(welcome.hub, port, (envelope) => {
        if (envelope.kind !== 'stop') return
        void kernel.stop().then(() => {
          link.send({ kind: 'stopped' })
          exchange.flush()
          port.terminate()
        })
      })
      port.onExit(() => void kernel.stop())
      const fail = (error: unknown): void => {
        link.send({ kind: 'failed', error: errorToPlain(error) })
        exchange.flush()
      }
      receive = (later) => exchange.receive(link, later)
      receive(batch)
      startTree(kernel, tree).then(
        () => {
          link.send({ kind: 'ready' })
          exchange.release()
          void kernel.ended.then((reason) => {
            if (reason.kind === 'crash') fail(reason.error)
          })
          resolve(kernel)
        },
        (error: unknown) => {
          fail(error)
          reject(error)
        },
      )
    })
  })
}

async function startTree(kernel: Kernel, tree: JoinOptions['tree']): Promise<void> {
  await kernel.start(await tree())
}

const nameOf = (address: string): ActorSpec['name'] => address.slice(0, address.lastIndexOf('#'))
