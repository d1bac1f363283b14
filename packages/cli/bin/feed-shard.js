/** Thread entry: hosts the feed actors of one shard. */
require('./load-bundle.js')('feed-shard')
