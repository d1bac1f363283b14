/**
 * Who is dialled, who is dropped, and when to look again: the rules of ssb-conn's scheduler, without
 * its clockwork. A function of what is known now, so that nothing has to look again and again.
 *
 * - Dialled: those that cooled down, the shortest cooldown first, as many as the quota has room for.
 * - Dropped: of more than twice the quota, the oldest; and now and then, when the quota is full and
 *   others wait, one for the sake of variety. Only connections that the schedule itself made.
 * @source protocol digest 10.5; npm ssb-conn 6 `conn-scheduler.js`
 */
import type { FeedId } from '@dunbar/core'

const SECOND_MS = 1_000
const HOUR_MS = 3_600_000
/** Full or empty, a peer that failed is not tried all the time. */
const LEAST_FULLNESS = 0.1
/** Beyond this a cooldown is a month. */
const MOST_FAILURES = 64
const ROTATION_MS = 2 * HOUR_MS
const EXCESS_STAY_MS = 120_000

/** A peer that may be dialled, by its best address. */
export interface Candidate {
  readonly address: string
  readonly key: FeedId
  readonly type: string | null
  /** Null only for rooms, which need no follow. */
  readonly hops: number | null
  /** Attempts in a row that failed. */
  readonly failureCount: number
  /** Monotonic time of the last attempt or the end of the last connection; null for none. */
  readonly triedAtMs: number | null
  /** Whether no attempt ever led to a connection. */
  readonly hasOnlyFailed: boolean
  /** 0.8 to 1.2, drawn anew with each attempt, so that many nodes do not come at once. */
  readonly jitter: number
}

/** A connection that is up or being made. */
export interface Scheduled {
  readonly key: FeedId
  readonly isScheduled: boolean
  readonly isConnected: boolean
  /** Monotonic time since when. */
  readonly sinceMs: number
}

export interface ScheduleState {
  readonly nowMs: number
  readonly quota: number
  readonly candidates: readonly Candidate[]
  /** Those that count for the quota. */
  readonly up: readonly Scheduled[]
  readonly rotatedAtMs: number
  /** 0.8 to 1.2, the same for the life of the node. */
  readonly jitter: number
}

export interface Plan {
  readonly dial: readonly Candidate[]
  readonly drop: readonly FeedId[]
  readonly isRotating: boolean
  /** When to plan again if nothing happens until then, monotonic; null: not until something happens. */
  readonly nextMs: number | null
}

/** How long a peer is left alone after an attempt or the end of a connection, in ms. */
export function cooldownMs(candidate: Candidate, fullness: number): number {
  const { type, hops, failureCount, triedAtMs, hasOnlyFailed, jitter } = candidate
  const hopsMs = (type === 'room' ? 1 : (hops ?? Number.POSITIVE_INFINITY)) * SECOND_MS
  const retryMs = 4 * SECOND_MS + Math.min(MOST_FAILURES, failureCount) ** 3 * 10 * SECOND_MS
  let factor = Math.max(LEAST_FULLNESS, fullness) * jitter
  if (triedAtMs === null) factor *= 0.5
  else if (hasOnlyFailed) factor *= 3
  if (type === 'lan') factor *= 0.7
  return (hopsMs + retryMs) * factor
}

export function plan(state: ScheduleState): Plan {
  const { nowMs, quota, candidates, up, jitter } = state
  const freeCount = Math.max(0, quota - up.length)
  const waiting = candidates
    .map((candidate) => {
      const waitMs = cooldownMs(candidate, 1 - freeCount / Math.max(1, quota))
      const dueMs = candidate.triedAtMs === null ? nowMs : candidate.triedAtMs + waitMs
      return { candidate, waitMs, dueMs }
    })
    .filter(({ waitMs }) => Number.isFinite(waitMs))
    .sort((one, other) => one.waitMs - other.waitMs)
  const due = waiting.filter(({ dueMs }) => dueMs <= nowMs).slice(0, freeCount)
  const dial = due.map(({ candidate }) => candidate)

  const droppable = up
    .filter(({ isScheduled, isConnected }) => isScheduled && isConnected)
    .sort((one, other) => one.sinceMs - other.sinceMs)
  const excess = up.length > quota * 2 ? up.length - quota : 0
  const stayMs = (EXCESS_STAY_MS * jitter) / Math.max(1, excess)
  const rotationMs = (ROTATION_MS * jitter) / Math.sqrt(Math.max(1, waiting.length))
  const times: number[] = []
  const drop: FeedId[] = []
  let isRotating = false
  for (const { key, sinceMs } of droppable.slice(0, excess)) {
    if (sinceMs + stayMs <= nowMs) drop.push(key)
    else times.push(sinceMs + stayMs)
  }
  const oldest = droppable[0]
  if (excess === 0 && freeCount === 0 && waiting.length > 0 && oldest !== undefined) {
    const rotateMs = Math.max(state.rotatedAtMs, oldest.sinceMs) + rotationMs
    isRotating = rotateMs <= nowMs
    if (isRotating) drop.push(oldest.key)
    else times.push(rotateMs)
  }
  if (dial.length < freeCount) {
    const later = waiting.filter(({ dueMs }) => dueMs > nowMs)
    if (later.length > 0) times.push(Math.min(...later.map(({ dueMs }) => dueMs)))
  }
  return { dial, drop, isRotating, nextMs: times.length === 0 ? null : Math.min(...times) }
}
