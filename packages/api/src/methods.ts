import { type Method, type MethodTable, methodTable, withManifest } from '@dunbar/wire'
import { feedStreams } from './feed-streams.js'
import { feedMethods } from './feeds.js'
import { linkStreams } from './link-streams.js'
import { messageStreams } from './message-streams.js'
import { messageMethods } from './messages.js'
import { type NodeFacts, nodeMethods } from './node-methods.js'
import type { Services } from './services.js'
import { tangleMethods } from './tangles.js'

/**
 * All methods by full dotted name. A method that is not in the table does not exist for any client.
 * @param more methods of rooms above this one
 */
export function apiMethods(
  services: Services,
  facts: NodeFacts,
  more: readonly Method[] = [],
): MethodTable {
  return withManifest(
    methodTable([
      ...nodeMethods(services, facts),
      ...messageMethods(services),
      ...messageStreams(services),
      ...feedStreams(services),
      ...linkStreams(services),
      ...tangleMethods(services),
      ...feedMethods(services),
      ...more,
    ]),
  )
}
