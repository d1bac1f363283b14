/**
 * Pub invites, both sides: making codes, letting their holders in once, and using the codes of others.
 * @source protocol digest 10.2; npm ssb-invite 2.1, ssb-invite-client 1.3
 */
import type { Clock, Logger, Random, Timers } from '@dunbar/actor'
import { type FeedId, generateKeys, isCodedError, isFeedId, type Keys } from '@dunbar/core'
import type { SecurePeer } from '@dunbar/wire'
import { isDialable, type PeerAddress } from './address.js'
import { ConnError } from './errors.js'
import { type InviteCode, parseInvite, printInvite, printModernInvite } from './invite-code.js'
import type { InviteLedger } from './invite-ledger.js'
import type { ConnLimits } from './limits.js'
import { RateWindow } from './rate-window.js'

const SEED_BYTES = 32
const ATTEMPTS = 3
/** Before the second and the third attempt. */
const RETRY_MS = 500
/** A pub publishes before it answers, which a busy disk may delay. */
const ANSWER_MS = 60_000
const ALREADY_FOLLOWING = 'already following'
/** Invites whose failed uses are counted one by one. */
const MAX_COUNTED_INVITES = 1_000
const MINUTE_MS = 60_000
/** Longer than the graph takes to learn of a message of this node. */
const GRAPH_DELAY_MS = 10_000

/** What an invite is made of. */
export interface InviteTerms {
  /** Default 1. */
  readonly uses?: number
  /** Goes into the contact message of each use. */
  readonly note?: string
  /** The host that the code names, in the place of what is known. */
  readonly external?: string
  /** Gives a multiserver address instead of the old form. */
  readonly isModern?: boolean
  readonly lifeMs?: number
}

export interface InvitesOptions {
  readonly keys: Keys
  readonly ledger: InviteLedger
  /** The address that an invite names, with this host where one is given; null for none that others could reach. */
  inviteAddress(host?: string): PeerAddress | null
  /** Gives up when the signal is aborted. */
  dial(address: PeerAddress, keys: Keys, signal: AbortSignal): Promise<SecurePeer>
  isFollowing(id: FeedId): boolean
  isBlocked(id: FeedId): boolean
  publish(content: Readonly<Record<string, unknown>>): Promise<unknown>
  /** An invite of this peer was accepted: remember it and connect. */
  onAccepted(address: PeerAddress): void
  readonly timers: Timers
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly limits: ConnLimits
}

export class Invites {
  readonly #options: InvitesOptions
  /** Uses that failed, ever. */
  failedUses = 0
  readonly #failures: RateWindow
  readonly #failuresByInvite = new Map<FeedId, RateWindow>()
  /**
   * Feeds whose contact message is being published or was just now, which the graph may not know of
   * yet; monotonic times until when they stay here, in their order.
   */
  readonly #followed = new Map<FeedId, number>()
  readonly #leaving = new AbortController()

  constructor(options: InvitesOptions) {
    this.#options = options
    this.#failures = new RateWindow(options.clock, options.limits.failedUses, MINUTE_MS)
  }

  /**
   * Makes an invite; its code is a secret, and is kept nowhere.
   * @throws {INVITE_NO_ADDRESS | INVITE_LIMIT | BAD_ARGUMENT}
   */
  async create(terms: InviteTerms = {}): Promise<string> {
    const { ledger, limits, clock, random } = this.#options
    const { uses = 1, note, external, isModern = false, lifeMs = limits.inviteLifeMs } = terms
    if (!Number.isSafeInteger(uses) || uses < 1 || uses > limits.inviteUses) {
      const text = `invite.create: uses must be 1 to ${limits.inviteUses}`
      throw new ConnError('BAD_ARGUMENT', text, { maxUses: limits.inviteUses })
    }
    if (!Number.isFinite(lifeMs) || lifeMs <= 0) {
      throw new ConnError('BAD_ARGUMENT', 'invite.create: lifeMs must be a number above 0', {})
    }
    const address = this.#options.inviteAddress(external)
    if (address === null) {
      const text =
        'Server has no public ip address, cannot create useable invitation; name one with external'
      throw new ConnError('INVITE_NO_ADDRESS', text, {})
    }
    const seed = random.bytes(SEED_BYTES)
    const { id } = generateKeys(seed)
    const expiresAt = clock.now() + lifeMs
    await ledger.add({ id, total: uses, note: note ?? null, expiresAt })
    const code: InviteCode = { address, seed }
    return isModern ? printModernInvite(code) : printInvite(code)
  }

  /**
   * What the holder of an invite asks for: that this node follows a feed. Gives the contact message.
   * @param id the key that the caller proved, which is that of the invite
   * @throws {INVITE_EXPIRED | INVITE_ALREADY_FOLLOWING | INVITE_BAD_FEED | INVITE_TOO_OFTEN}
   */
  async use(id: FeedId, request: unknown): Promise<unknown> {
    const failures = this.#failuresOf(id)
    if (failures.isFull || this.#failures.isFull) {
      this.failedUses += 1
      throw new ConnError('INVITE_TOO_OFTEN', 'too many failed uses, try again in a minute', {})
    }
    try {
      return await this.#use(id, request)
    } catch (error) {
      this.failedUses += 1
      failures.count()
      this.#failures.count()
      throw error
    }
  }

  /**
   * Uses the code of a pub: has it follow this node, follows it, and announces it. Gives the
   * messages that were published.
   * @throws {INVITE_INVALID | ADDRESS_UNSUPPORTED | PEER_BLOCKED | INVITE_UNREACHABLE | INVITE_REFUSED}
   */
  async accept(text: unknown): Promise<readonly unknown[]> {
    const code = parseInvite(text)
    const { keys, publish, isFollowing, isBlocked, onAccepted } = this.#options
    if (code === null) {
      throw new ConnError(
        'INVITE_INVALID',
        'that is no invite code: expected host:port:@key~seed',
        {},
      )
    }
    const { address } = code
    const { key, host, port } = address
    if (key === keys.id) {
      throw new ConnError('INVITE_INVALID', 'that is an invite of this node itself', {})
    }
    if (!isDialable(address)) {
      const reason = `this node can't dial addresses of the kind ${address.transport}, only net`
      throw new ConnError('ADDRESS_UNSUPPORTED', reason, { transport: address.transport })
    }
    if (isBlocked(key)) {
      throw new ConnError('PEER_BLOCKED', `${key} is blocked by this node`, { id: key })
    }
    await this.#redeem(code)
    const published: unknown[] = []
    if (!isFollowing(key)) {
      const contact = { type: 'contact', following: true, autofollow: true, contact: key }
      published.push(await publish(contact))
    }
    if (host !== null && port !== null) {
      published.push(await publish({ type: 'pub', address: { host, port, key } }))
    }
    onAccepted(address)
    return published
  }

  /** Gives up the invites that are being accepted. */
  close(): void {
    this.#leaving.abort()
  }

  async #use(id: FeedId, request: unknown): Promise<unknown> {
    const { ledger, keys, publish, isFollowing, isBlocked, logger } = this.#options
    const { feed } = (typeof request === 'object' ? (request ?? {}) : {}) as { feed?: unknown }
    if (feed === undefined || feed === null || feed === '') {
      throw new ConnError('INVITE_BAD_FEED', 'feed to follow is missing', {})
    }
    if (!isFeedId(feed) || feed === keys.id || isBlocked(feed)) {
      throw new ConnError('INVITE_BAD_FEED', 'feed to follow is none that can be followed', {})
    }
    this.#forgetFollowed()
    if (isFollowing(feed) || this.#followed.has(feed)) {
      throw new ConnError('INVITE_ALREADY_FOLLOWING', ALREADY_FOLLOWING, {})
    }
    this.#followed.set(feed, Number.POSITIVE_INFINITY)
    let isTaken = false
    try {
      const { note } = await ledger.take(id)
      isTaken = true
      const contact = { type: 'contact', contact: feed, following: true, pub: true }
      const message = await publish(note === null ? contact : { ...contact, note }).catch(
        (error: unknown) => {
          const code = isCodedError(error) ? error.code : null
          logger.log('warn', 'conn', 'an invite could not be honoured', { invite: id, code })
          throw new ConnError('INVITE_REFUSED', 'the pub can not publish at the moment', {})
        },
      )
      this.#followed.delete(feed)
      this.#followed.set(feed, this.#options.clock.monotonic() + GRAPH_DELAY_MS)
      logger.log('info', 'conn', 'an invite was used', { invite: id, feed })
      return message
    } catch (error) {
      this.#followed.delete(feed)
      // Where the disk refuses that, the use is lost at the next start, and nobody gets one too many.
      if (isTaken) await ledger.giveBack(id).catch(() => undefined)
      throw error
    }
  }

  #forgetFollowed(): void {
    for (const [feed, untilMs] of this.#followed) {
      if (untilMs <= this.#options.clock.monotonic()) this.#followed.delete(feed)
    }
  }

  /** Dials and calls, with patience: a pub may be starting, or another holder of the same code may be faster. */
  async #redeem(code: InviteCode): Promise<void> {
    const { keys, timers } = this.#options
    const guest = generateKeys(code.seed)
    for (let attempt = 1; ; attempt++) {
      const error = await this.#redeemOnce(code.address, guest, keys.id)
      if (error === null) return
      const isLast = attempt === ATTEMPTS || this.#leaving.signal.aborted
      if (error.code === 'INVITE_REFUSED' || isLast) throw error
      await new Promise<void>((resolve) => {
        timers.set(RETRY_MS * attempt, resolve)
      })
    }
  }

  /** Null where the pub follows the feed now. */
  async #redeemOnce(address: PeerAddress, guest: Keys, feed: FeedId): Promise<ConnError | null> {
    const { dial, timers } = this.#options
    const { signal } = this.#leaving
    let peer: SecurePeer
    try {
      peer = await dial(address, guest, signal)
    } catch (error) {
      return unreachable(error)
    }
    const giveUp = (): void => void peer.connection.close()
    const cancel = timers.set(ANSWER_MS, giveUp)
    signal.addEventListener('abort', giveUp)
    if (signal.aborted) giveUp()
    try {
      await peer.connection.call('invite.use', [{ feed }])
      return null
    } catch (error) {
      if (!isCodedError(error) || error.code !== 'REMOTE_ERROR') return unreachable(error)
      const reason = String(error.data.message)
      if (reason.includes(ALREADY_FOLLOWING)) return null
      const text = `the pub did not take the invite: ${reason}`
      return new ConnError('INVITE_REFUSED', text, { reason })
    } finally {
      cancel()
      signal.removeEventListener('abort', giveUp)
      await peer.connection.close()
    }
  }

  #failuresOf(id: FeedId): RateWindow {
    const held = this.#failuresByInvite.get(id)
    if (held !== undefined) return held
    const { clock, limits } = this.#options
    const made = new RateWindow(clock, limits.failedUsesPerInvite, MINUTE_MS)
    if (this.#failuresByInvite.size >= MAX_COUNTED_INVITES) {
      this.#failuresByInvite.delete(this.#failuresByInvite.keys().next().value!)
    }
    this.#failuresByInvite.set(id, made)
    return made
  }
}

function unreachable(error: unknown): ConnError {
  const reason = error instanceof Error ? error.message : 'unknown'
  const text = `the pub can't be reached with this invite: ${reason}`
  return new ConnError('INVITE_UNREACHABLE', text, { reason }, { cause: error })
}
