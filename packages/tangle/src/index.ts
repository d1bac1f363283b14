export {
  type SortedTangle,
  type Split,
  type SubThread,
  sortTangle,
  tangleOrder,
} from './causal-order.js'
export { connectedHeads, heads } from './heads.js'
export {
  readTangleFields,
  type TangleFields,
  type TangleMessage,
  threadRootOf,
} from './tangle-message.js'
export {
  type FilteredOrder,
  type FilteredThread,
  filterOrder,
  filterThread,
  type HiddenThread,
  type ThreadFilter,
} from './thread-filter.js'
