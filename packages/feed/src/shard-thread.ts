import { actor, type ChildSpec, dynamic, type Ports, supervisor } from '@dunbar/actor'
import {
  CodedError,
  type FeedId,
  feedIdToBytes,
  isCodedError,
  isFeedId,
  type Keys,
  keysFromSecretKey,
} from '@dunbar/core'
import { feedBehaviour } from './actor.js'
import { ShardDictionaries } from './block-append.js'
import { ChangeCounts } from './change-counts.js'
import { CoreShare } from './core-share.js'
import { PublishLock } from './publish-lock.js'
import { shardBehaviour } from './shard-actor.js'
import {
  BusyFeeds,
  defaultSealing,
  feedActorName,
  type OwnFeed,
  type SealingSettings,
  type ShardHost,
  shardActorName,
  shardOf,
} from './shard-host.js'
import { openShardStore, type ShardStore, type StoreTrouble } from './shard-store.js'
import { SignaturePass } from './signature-pass.js'

/** What a shard's thread is started with; plain data. */
export interface ShardThreadData {
  readonly shard: number
  readonly shards: number
  /** The data folder. */
  readonly root: string
  readonly cacheBytes: number
  readonly openFiles: number
  readonly passivateAfterMs: number
  /** Default: only what is asked for is sealed. */
  readonly sealing?: SealingSettings
  /** 32 bytes, or null on the main network. */
  readonly hmacKey: Uint8Array | null
  /** The node's secret key, 64 bytes: signs the own feed, opens private messages. */
  readonly secretKey: Uint8Array
  readonly cores: number
  /** Of `coreShareBytes(shards)`, the same for all shards; null for a shard that is alone. */
  readonly coreShare: SharedArrayBuffer | null
  /** Of `changeCountBytes(shards)`, the same for all shards. Default: nobody wants to know. */
  readonly changeCounts?: SharedArrayBuffer
}

/**
 * Messages of a bulk that are told of together: a chunk of each live stream wakes another thread, and
 * an import fills all cores.
 */
const BULK_NEWS_MESSAGES = 1024

/** How long until a feed's actor that could not look at damaged messages is asked again. */
const MEND_AGAIN_MS = 1_000

/** Time for one slice of opening the store, ms; between two the thread serves its port. */
const OPEN_SLICE_MS = 20

/**
 * The tree of one shard: the shard's actor, which opens the store, and the feeds' actors, made on
 * demand. When the shard's actor fails, the feeds start over with it, since their numbers are the
 * store's.
 */
export function shardTree(data: ShardThreadData, ports: Ports): ChildSpec {
  const opened = new OpenedStore(data, ports)
  const { host } = opened
  return supervisor({
    name: `shard-${data.shard}`,
    strategy: 'restForOne',
    children: [
      actor({
        name: shardActorName(data.shard),
        behaviour: shardBehaviour,
        arg: { host, open: (context) => opened.open(context) },
        shutdownMs: 60_000,
      }),
      dynamic({
        name: `feeds-${data.shard}`,
        prefix: 'feed/',
        child: (name) => {
          const id = name.slice('feed/'.length)
          if (!isFeedId(id) || shardOf(feedIdToBytes(id), data.shards) !== data.shard) return null
          return actor({ name, behaviour: feedBehaviour, arg: { host, id } })
        },
      }),
    ],
  })
}

type OpenContext = Parameters<Parameters<typeof shardBehaviour.init>[0]['open']>[0]

/** Opens the store in slices and hands it to the actors of the thread. */
class OpenedStore {
  readonly #data: ShardThreadData
  readonly #ports: Ports
  #store: ShardStore | null = null
  #isReady = new Deferred()
  #lastReceived = 0
  #tell: () => void = () => undefined
  #untoldCount = 0
  #signatures: SignaturePass | null = null
  /** Feeds with messages that were found damaged, whose actors are to be told. */
  readonly #damaged = new Set<FeedId>()
  #mend: () => void = () => undefined
  readonly host: ShardHost

  constructor(data: ShardThreadData, ports: Ports) {
    this.#data = data
    this.#ports = ports
    const keys = keysFromSecretKey(data.secretKey)
    if (keys === null) throw new CodedError('SECRET_INVALID', 'these bytes are no secret key', {})
    const cores = new CoreShare(data.coreShare, data.shard, data.cores)
    const self = this
    this.host = {
      shard: data.shard,
      get store() {
        if (self.#store !== null) return self.#store
        throw new CodedError('SHARD_NOT_OPEN', 'the shard is being opened', { shard: data.shard })
      },
      get ready() {
        return self.#isReady.promise
      },
      own: this.#ownFeed(keys),
      keys,
      hmacKey: data.hmacKey,
      busyFeeds: new BusyFeeds(cores),
      cores,
      passivateAfterMs: data.passivateAfterMs,
      sealing: data.sealing ?? defaultSealing,
      dictionaries: new ShardDictionaries(),
      checkSignatures: () => this.#signatures?.begin(),
      receivedNow: () => this.#receivedNow(),
      appended: () => this.#tell(),
      appendedInBulk: (messageCount) => this.#tellOfBulk(messageCount),
    }
  }

  async open(context: OpenContext): Promise<void> {
    if (this.#store !== null) this.#isReady = new Deferred()
    this.#store = null
    this.#damaged.clear()
    this.#mend = () => undefined
    this.#signatures?.close()
    this.host.busyFeeds.clear()
    const { shard, shards, root, cacheBytes, openFiles, changeCounts } = this.#data
    const changes = changeCounts === undefined ? null : new ChangeCounts(changeCounts)
    const store = openShardStore({
      ports: this.#ports,
      root,
      shard,
      shards,
      limits: { cacheBytes, openFiles },
      belongsHere: (idBytes) => shardOf(idBytes, shards) === shard,
      changed: () => changes?.add(shard),
      report: (trouble) => this.#report(trouble),
      foundDamaged: (id) => {
        this.#damaged.add(id)
        this.#mend()
      },
    })
    while (!store.step(OPEN_SLICE_MS)) {
      if (context.isStopWanted()) {
        await store.close()
        throw new CodedError('SHARD_NOT_OPEN', 'the shard was stopped as it opened', { shard })
      }
      await new Promise<void>((resolve) => this.#ports.turns.soon(resolve))
    }
    let isTold = false
    this.#tell = () => {
      if (isTold) return
      isTold = true
      this.#ports.turns.endOfTurn(() => {
        isTold = false
        context.router.cast(context.name, { op: 'appended' })
      })
    }
    this.#store = store
    this.#signatures = new SignaturePass(this.host, context)
    if (store.uncheckedFeeds().length > 0) this.#signatures.begin()
    this.#isReady.resolve()
    this.#mend = this.#mending(store, context)
    this.#mend()
  }

  /** Has the actors of damaged feeds look at them, not within the read that found the damage. */
  #mending(store: ShardStore, { router, turns, timers }: OpenContext): () => void {
    let isDue = false
    const tell = async (id: FeedId): Promise<void> => {
      try {
        await router.call(feedActorName(id), { op: 'setBack' }, { lane: 'remote' })
      } catch (error) {
        if (!isCodedError(error)) throw error
        // Its actor is starting over, or has much to do; one that is set aside is looked at after the next start.
        if (error.code === 'ACTOR_QUARANTINED' || this.#store !== store || !store.isReady) return
        this.#damaged.add(id)
        timers.set(MEND_AGAIN_MS, begin)
      }
    }
    const begin = (): void => {
      if (isDue || this.#damaged.size === 0) return
      isDue = true
      turns.soon(() => {
        isDue = false
        const ids = [...this.#damaged]
        this.#damaged.clear()
        for (const id of ids) void tell(id)
      })
    }
    return begin
  }

  #tellOfBulk(messageCount: number): void {
    this.#untoldCount += messageCount
    if (this.#untoldCount < BULK_NEWS_MESSAGES) return
    this.#untoldCount = 0
    this.#tell()
  }

  #receivedNow(): number {
    this.#lastReceived = Math.max(this.#ports.clock.now(), this.#lastReceived + 0.001)
    return this.#lastReceived
  }

  #ownFeed(keys: Keys): OwnFeed | null {
    const { shard, shards, root } = this.#data
    if (shardOf(keys.publicKey, shards) !== shard) return null
    return { keys, lock: new PublishLock(this.#ports.fs, root, keys.publicKey) }
  }

  #report(trouble: StoreTrouble): void {
    const { kind, ...data } = trouble
    this.#ports.logger.log('warn', 'feed', TROUBLE_TEXTS[kind], { kind, ...data })
    if (kind === 'recordDamaged') this.#signatures?.begin()
  }
}

const TROUBLE_TEXTS: Readonly<Record<StoreTrouble['kind'], string>> = {
  tornTail: 'a log ended in a torn message; it was cut back',
  damagedRange: 'a log is damaged in the middle; what lies behind still serves',
  damagedFrame: 'a stored message is damaged',
  logShrunk: 'a log is shorter than it was; its feed was folded again',
  feedMissing: 'the folder of a feed is gone',
  foreignName: 'something that is no feed lies among the feeds',
  recordDamaged: 'the feed.json of a feed is damaged; its signatures are checked again',
  recordFailed: 'the feed.json of a feed could not be written',
  syncFailed: 'a log could not be synced',
  snapshotUnusable: 'the indexes are folded again from the logs',
  snapshotFailed: 'the indexes could not be saved; the next start folds them from the logs',
  logUnreadable: 'a log is unreadable; its feed is set aside',
}

/** A promise that others wait for until it is resolved. */
class Deferred {
  readonly promise: Promise<void>
  #resolve: () => void = () => undefined

  constructor() {
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  resolve(): void {
    this.#resolve()
  }
}
