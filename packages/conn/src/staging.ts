import type { Clock, Timers } from '@dunbar/actor'
import type { FeedId } from '@dunbar/core'
import type { PeerAddress } from './address.js'
import { Listeners } from './listeners.js'

/** A peer that could be connected to and is not remembered: seen near, or named by an app. */
export interface StagedPeer {
  readonly key: FeedId
  readonly type?: string
  /** Wall times, ms. */
  readonly stagingBirth: number
  readonly stagingUpdated: number
  readonly [field: string]: unknown
}

/** A peer of the local network is gone when it was silent for so long. @source npm ssb-conn 6 */
const LAN_STAY_MS = 10_000

/** The table of those who are near. When it is full, the one that was silent longest gives way. */
export class Staging {
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #maxPeers: number
  /** In the order in which they were heard of last. */
  readonly #peers = new Map<string, StagedPeer>()
  readonly #lanUntilMs = new Map<string, number>()
  readonly #changes = new Listeners<void>()
  #cancelExpiry: (() => void) | null = null

  constructor(clock: Clock, timers: Timers, maxPeers: number) {
    this.#clock = clock
    this.#timers = timers
    this.#maxPeers = maxPeers
  }

  get(address: string): StagedPeer | undefined {
    return this.#peers.get(address)
  }

  entries(): IterableIterator<[string, StagedPeer]> {
    return this.#peers.entries()
  }

  /** True where it was not there before. */
  stage(address: PeerAddress, fields: Readonly<Record<string, unknown>>): boolean {
    const { text, key } = address
    const now = this.#clock.now()
    const held = this.#peers.get(text)
    this.#remove(text)
    const oldest = this.#peers.keys().next().value
    if (this.#peers.size >= this.#maxPeers && oldest !== undefined) this.#remove(oldest)
    this.#peers.set(text, { stagingBirth: now, ...held, ...fields, key, stagingUpdated: now })
    if (fields.type === 'lan') {
      this.#lanUntilMs.set(text, this.#clock.monotonic() + LAN_STAY_MS)
      this.#awaitExpiry()
    }
    this.#changes.tell()
    return held === undefined
  }

  unstage(address: string): boolean {
    const wasThere = this.#remove(address)
    if (wasThere) this.#changes.tell()
    return wasThere
  }

  /** Takes out all addresses of a peer. */
  unstagePeer(id: FeedId): void {
    let isChanged = false
    for (const [address, { key }] of this.#peers) {
      if (key === id) isChanged = this.#remove(address) || isChanged
    }
    if (isChanged) this.#changes.tell()
  }

  onChange(listener: () => void): () => void {
    return this.#changes.add(listener)
  }

  close(): void {
    this.#cancelExpiry?.()
    this.#cancelExpiry = null
    this.#peers.clear()
    this.#lanUntilMs.clear()
  }

  #remove(address: string): boolean {
    this.#lanUntilMs.delete(address)
    return this.#peers.delete(address)
  }

  /** `#lanUntilMs` is in the order of its times, since each is set behind the others. */
  #awaitExpiry(): void {
    const first = this.#lanUntilMs.values().next().value
    if (this.#cancelExpiry !== null || first === undefined) return
    this.#cancelExpiry = this.#timers.set(Math.max(0, first - this.#clock.monotonic()), () => {
      this.#cancelExpiry = null
      this.#expire()
      this.#awaitExpiry()
    })
  }

  #expire(): void {
    const nowMs = this.#clock.monotonic()
    let isChanged = false
    for (const [address, untilMs] of this.#lanUntilMs) {
      if (untilMs > nowMs) break
      isChanged = this.#remove(address) || isChanged
    }
    if (isChanged) this.#changes.tell()
  }
}
