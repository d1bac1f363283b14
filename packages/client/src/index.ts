export type {
  ArchiveEvent,
  ArchiveMethods,
  ArchiveRange,
  ArchiveSettings,
  ArchiveStatus,
  ArchiveVerification,
  ArrivedArchive,
  MadeArchive,
  PreconditionAnswer,
  Registration,
} from './archive.js'
export { Client, type FeedMethods, type Stream, type TangleMethods } from './client.js'
export { type ConnectOptions, connect, defaultFolder } from './connect.js'
export type {
  Bounds,
  GetOptions,
  HistoryStreamOptions,
  Link,
  LinkItem,
  LinkStreamOptions,
  LiveOptions,
  LogStreamOptions,
  Message,
  MessageStreamOptions,
  MessageValue,
  StreamItem,
  SyncMarker,
  TangleReadOptions,
  TypeStreamOptions,
  UserStreamOptions,
} from './messages.js'
export { type ConnectedPeer, ConnMethods, FriendMethods, InviteMethods } from './network.js'
export type {
  ArchiveDone,
  ArchiveOptions,
  FeedsProgress,
  ImportDone,
  ImportOptions,
  ImportProgress,
  NodeWork,
  RebuildDone,
  SyncDone,
  SyncFeed,
  SyncOptions,
  SyncProgress,
  VerifyDone,
} from './node-work.js'
export type {
  FeedStatus,
  Fork,
  ForkItem,
  ForkStreamOptions,
  NodeStatus,
  Progress,
  PublishStatus,
  SealedMessages,
} from './status.js'
