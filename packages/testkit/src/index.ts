export {
  DatasetCensus,
  type DatasetFacts,
  type DatasetMessage,
  describeDataset,
} from './dataset-facts.js'
export type { CrashImageOptions } from './effect-log.js'
export { type FileFault, Killed } from './file-fault.js'
export {
  formatMessageLine,
  type GeneratedMessage,
  type GeneratorOptions,
  generateMessages,
} from './generator.js'
export { feedSizes, generatedKeys, type Spread, spreads } from './generator-population.js'
export {
  MemoryFileSystem,
  type MemoryFileSystemOptions,
} from './memory-file-system.js'
export { SeededRandom } from './seeded-random.js'
export {
  type PipeHolder,
  type PipeListener,
  type PipeManners,
  type PipeOptions,
  SimulatedPipe,
} from './simulated-pipe.js'
export {
  type SimulatedThread,
  SimulatedThreads,
  type SimulatedThreadsOptions,
  type ThreadEntry,
} from './simulated-threads.js'
export {
  createSimulation,
  newThreadLife,
  Simulation,
  type SimulationOptions,
  type Step,
  type StepKind,
  type ThreadLife,
} from './virtual-clock.js'
