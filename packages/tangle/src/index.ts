export { type SortedTangle, type Split, type SubThread, sortTangle } from './causal-order.js'
export { connectedHeads, heads } from './heads.js'
export {
  readTangleFields,
  type TangleFields,
  type TangleMessage,
  threadRootOf,
} from './tangle-message.js'
export { type FilteredThread, filterThread, type ThreadFilter } from './thread-filter.js'
