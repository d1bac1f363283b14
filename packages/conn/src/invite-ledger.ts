/**
 * The invites of this node: `invites.json`, a file of truth. It holds the public keys of the codes,
 * never their seeds, so that the file alone lets nobody in. A use counts when it is on the disk.
 */
import type { Clock, FileSystem, Logger } from '@dunbar/actor'
import { type FeedId, isFeedId } from '@dunbar/core'
import { ConnError } from './errors.js'
import { readJsonFile, setAside, writeJsonFile } from './json-file.js'
import type { ConnLimits } from './limits.js'

/** One invite. */
export interface Invite {
  /** Of the key pair that the seed in the code makes. */
  readonly id: FeedId
  /** How often it may be used. */
  readonly total: number
  readonly used: number
  readonly note: string | null
  /** Wall times, ms. */
  readonly createdAt: number
  readonly expiresAt: number
}

/** So long an invite that is over is told from one that never was. */
const KEPT_AFTER_MS = 30 * 86_400_000
const MAX_FILE_BYTES = 2 * 2 ** 20
const MAX_NOTE_LENGTH = 500

export interface LedgerOptions {
  readonly folder: string
  readonly files: FileSystem
  readonly clock: Clock
  readonly logger: Logger
  readonly limits: ConnLimits
}

export class InviteLedger {
  readonly #options: LedgerOptions
  readonly #path: string
  readonly #invites = new Map<FeedId, Invite>()
  #writing: Promise<void> = Promise.resolve()

  /** Reads the file. One that can't be read is set aside: nobody gets in by it. */
  constructor(options: LedgerOptions) {
    this.#options = options
    this.#path = `${options.folder}/invites.json`
    const file = readJsonFile(options.files, this.#path, MAX_FILE_BYTES)
    if (file.state === 'missing') return
    const invites = file.state === 'read' ? invitesIn(file.value) : null
    if (invites === null) {
      const kept = setAside(options.files, this.#path, options.clock.now())
      const text = 'the file of invites can not be read and was set aside; no invite holds'
      options.logger.log('error', 'conn', text, { kept })
      return
    }
    for (const invite of invites) this.#invites.set(invite.id, invite)
  }

  /** Whether this is the key of an invite, used up or not. */
  has(id: FeedId): boolean {
    return this.#invites.has(id)
  }

  /** Whether this is the key of an invite that can still be used. */
  isLive(id: FeedId): boolean {
    const invite = this.#invites.get(id)
    if (invite === undefined) return false
    return invite.used < invite.total && this.#options.clock.now() < invite.expiresAt
  }

  /** Adds an invite. On the disk when it resolves. @throws {INVITE_LIMIT} and the system's errors */
  async add(invite: Pick<Invite, 'id' | 'total' | 'note' | 'expiresAt'>): Promise<void> {
    this.#forgetOld()
    const { clock, limits } = this.#options
    if (this.#invites.size >= limits.invites) {
      const text = `there are ${limits.invites} invites, no more are allowed`
      throw new ConnError('INVITE_LIMIT', text, { maxInvites: limits.invites })
    }
    const note = invite.note?.slice(0, MAX_NOTE_LENGTH) ?? null
    this.#invites.set(invite.id, { ...invite, note, used: 0, createdAt: clock.now() })
    await this.#write(() => this.#invites.delete(invite.id))
  }

  /**
   * Takes one use, at once, so that calls at the same time can't take more than there are. On the
   * disk when it resolves.
   * @throws {INVITE_EXPIRED} and the system's errors
   */
  async take(id: FeedId): Promise<Invite> {
    const invite = this.#invites.get(id)
    if (invite === undefined || !this.isLive(id)) {
      // Clients of ssb-invite know these words, for both.
      const isUsedUp = invite !== undefined && invite.used >= invite.total
      const text = isUsedUp ? 'invite has expired: it is used up' : 'invite has expired'
      throw new ConnError('INVITE_EXPIRED', text, {})
    }
    this.#change(id, 1)
    await this.#write(() => this.#change(id, -1))
    return invite
  }

  /** Gives a use back that led to nothing. */
  async giveBack(id: FeedId): Promise<void> {
    this.#change(id, -1)
    await this.#write(() => {})
  }

  #change(id: FeedId, by: number): void {
    const invite = this.#invites.get(id)
    if (invite !== undefined) this.#invites.set(id, { ...invite, used: invite.used + by })
  }

  #forgetOld(): void {
    const now = this.#options.clock.now()
    for (const invite of this.#invites.values()) {
      const isOld = now > Math.max(invite.createdAt, invite.expiresAt) + KEPT_AFTER_MS
      const isRoomNeeded = this.#invites.size >= this.#options.limits.invites
      if (isOld || (isRoomNeeded && !this.isLive(invite.id))) this.#invites.delete(invite.id)
    }
  }

  /** One write at a time; where it fails, the change is undone. */
  #write(undo: () => void): Promise<void> {
    const written = this.#writing.then(async () => {
      const file = { version: 1, invites: [...this.#invites.values()] }
      try {
        await writeJsonFile(this.#options.files, this.#path, file)
      } catch (error) {
        undo()
        throw error
      }
    })
    this.#writing = written.catch(() => undefined)
    return written
  }
}

/** Null where the file is none of this room's, or any invite in it is damaged. */
function invitesIn(value: unknown): readonly Invite[] | null {
  if (typeof value !== 'object' || value === null) return null
  const { version, invites } = value as { version?: unknown; invites?: unknown }
  if (version !== 1 || !Array.isArray(invites)) return null
  return invites.every(isInvite) ? invites : null
}

function isInvite(value: unknown): value is Invite {
  if (typeof value !== 'object' || value === null) return false
  const { id, total, used, note, createdAt, expiresAt } = value as Record<string, unknown>
  const isCount = (count: unknown) => Number.isSafeInteger(count) && (count as number) >= 0
  return (
    isFeedId(id) &&
    isCount(total) &&
    isCount(used) &&
    (note === null || typeof note === 'string') &&
    Number.isFinite(createdAt) &&
    Number.isFinite(expiresAt)
  )
}
