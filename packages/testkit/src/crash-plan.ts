/**
 * Which states a disk may be in after a crash, given the effects that were not synced.
 *
 * A disk may keep any subset of them, in any order, and cut the last write anywhere; all subsets are
 * too many, so a plan is made for each kind of loss that real disks and file systems show:
 *   nothing kept · everything kept · each prefix (in order) · each single effect missing (reordering)
 *   · all effects of one file or folder missing, or only those kept · the last write of each file cut
 *   at every 512-byte edge of the file and at random places · the size grown but the data zero
 *   · random subsets.
 * Effects that are durable already are in every state.
 * @source SQLite's crash tests, CrashMonkey, ALICE ("All file systems are not created equal")
 */
import { type Change, placesOf } from './file-image.js'
import type { SeededRandom } from './seeded-random.js'

/** One state: which of the unsynced changes are kept, and what takes the place of one of them. */
export interface CrashPlan {
  readonly description: string
  readonly keeps: (index: number) => boolean
  readonly replacement?: { readonly index: number; readonly change: Change }
}

const SECTOR_BYTES = 512

/** All plans worth trying, the most telling first. `randomCount` bounds random cuts a write and random subsets. */
export function crashPlans(
  changes: readonly Change[],
  random: SeededRandom,
  randomCount: number,
): CrashPlan[] {
  const count = changes.length
  const plans: CrashPlan[] = [{ description: 'nothing unsynced kept', keeps: () => false }]
  if (count === 0) return plans
  plans.push({ description: `all ${count} unsynced effects kept`, keeps: () => true })

  const lastWrites = new Map<number, number>()
  const places = new Set<number>()
  changes.forEach((change, index) => {
    if (change.kind === 'write') lastWrites.set(change.fileId, index)
    for (const place of placesOf(change)) places.add(place)
  })
  // The newest write first: it is the one most likely to be under way.
  for (const index of [...lastWrites.values()].sort((a, b) => b - a)) {
    const change = changes[index]
    if (change?.kind !== 'write') continue
    plans.push({
      description: `effect ${index} grew the file but its data is zero`,
      keeps: () => true,
      replacement: { index, change: { ...change, bytes: new Uint8Array(change.bytes.length) } },
    })
    for (const cut of cutsOf(change.position, change.bytes.length, random, randomCount)) {
      plans.push({
        description: `write at effect ${index} cut after ${cut} of ${change.bytes.length} bytes`,
        keeps: (other) => other <= index,
        replacement: { index, change: { ...change, bytes: change.bytes.subarray(0, cut) } },
      })
    }
  }
  if (places.size > 1) {
    for (const place of places) {
      const isThere = (index: number): boolean => placesOf(changes[index] as Change).includes(place)
      plans.push({
        description: `effects on file or folder ${place} missing`,
        keeps: (index) => !isThere(index),
      })
      plans.push({ description: `only effects on file or folder ${place} kept`, keeps: isThere })
    }
  }
  for (let end = 1; end < count; end += 1) {
    plans.push({
      description: `first ${end} of ${count} unsynced effects kept`,
      keeps: (index) => index < end,
    })
  }
  for (let missing = 0; missing < count - 1; missing += 1) {
    plans.push({
      description: `unsynced effect ${missing} of ${count} missing`,
      keeps: (index) => index !== missing,
    })
  }
  if (count > 2) {
    for (let round = 0; round < randomCount; round += 1) {
      const kept = changes.map(() => random.chance(0.5))
      plans.push({
        description: `random subset ${round} of ${count} unsynced effects`,
        keeps: (index) => kept[index] === true,
      })
    }
  }
  return plans
}

function cutsOf(
  position: number,
  length: number,
  random: SeededRandom,
  randomCount: number,
): number[] {
  const cuts = new Set<number>()
  const firstEdge = SECTOR_BYTES - (position % SECTOR_BYTES)
  for (let cut = firstEdge; cut < length; cut += SECTOR_BYTES) cuts.add(cut)
  if (length > 1) {
    for (let round = 0; round < randomCount; round += 1) cuts.add(random.between(1, length - 1))
  }
  return [...cuts].sort((a, b) => a - b)
}
