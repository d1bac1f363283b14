import { workerData } from 'node:worker_threads'
import {
  collectWhenIdle,
  forwardedLog,
  joinThread,
  parentThreadPort,
  supervisor,
  systemPorts,
} from '@dunbar/actor'
import { type ShardThreadData, shardTree } from '@dunbar/feed'

/** Thread entry: hosts the feed actors of one shard. Started by the node with `ShardThreadData`. */
const data = workerData as ShardThreadData
const name = `shard-${data.shard}`
const log = forwardedLog(name)
const ports = systemPorts(log.logger)

collectWhenIdle()
joinThread({
  port: parentThreadPort(),
  ports,
  tree: () => supervisor({ name: `${name}-root`, children: [log.child, shardTree(data, ports)] }),
}).catch(() => {
  // The hub has been told why and ends this thread.
})
