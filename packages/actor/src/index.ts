export { ActorError, type ActorErrorCode } from './actor-error.js'
export { parentOf, removeIfThere, removeQuietly, replaceFile } from './atomic-file.js'
export * from './behaviour.js'
export {
  type ActorSpec,
  type AnyBehaviour,
  actor,
  type ChildSpec,
  DEFAULT_HEARTBEAT,
  DEFAULT_INTENSITY,
  type DynamicSpec,
  dynamic,
  type Heartbeat,
  type Intensity,
  type Restart,
  type Strategy,
  type SupervisorSpec,
  supervisor,
  type ThreadSpec,
  thread,
} from './child-spec.js'
export type { Batch, Envelope } from './envelope.js'
export { KERNEL_PREFIX, type Place } from './exchange.js'
export { forwardedLog, logSink } from './forwarded-log.js'
export { collectWhenIdle } from './idle-collection.js'
export type {
  ActorReport,
  ActorState,
  Counters,
  DynamicReport,
  KernelCall,
  KernelEvent,
  KernelReport,
  NodeReport,
  QuarantineReport,
  SupervisorReport,
  ThreadReport,
} from './inspect.js'
export { type JoinOptions, joinThread } from './join-thread.js'
export { createKernel, type Kernel, type KernelOptions } from './kernel.js'
export { type Answered, replyLater } from './later.js'
export * from './ports.js'
export { Ring } from './ring.js'
export type { KernelRouter } from './router.js'
export { scatter, scatterAll } from './scatter.js'
export { type SystemPortsOptions, systemPorts } from './system-ports.js'
export type { ThreadHost, ThreadLimits, ThreadPort, ThreadStart } from './thread-port.js'
export { parentThreadPort, workerHost } from './worker-host.js'
