import { type Effect, type From, reply } from './behaviour.js'
import type { AnyBehaviour } from './child-spec.js'
import type { KernelCall } from './inspect.js'
import type { Kernel } from './kernel.js'

/** The actor `kernel/<thread>`, by which a kernel can be looked at from every other thread. */
export const kernelActor = (kernel: Kernel): AnyBehaviour => ({
  init: () => null,
  handleCall(call: unknown, from: From): Effect {
    const asked = call as KernelCall
    switch (asked.op) {
      case 'inspect':
        return reply(from, kernel.inspect())
      case 'quarantined':
        return reply(from, kernel.quarantined())
      case 'release':
        return reply(from, kernel.release(asked.name))
    }
  },
})
