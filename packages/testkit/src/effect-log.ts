/**
 * What was done to a disk and what of it a crash can't take away.
 *
 * A change goes to the live image at once and, as an effect, to the list. A sync marks effects
 * durable; a durable effect is folded into the durable image once all earlier ones of the same file
 * or folder are durable too, else it waits in the list, marked. An effect whose sync failed can't
 * become durable any more.
 * Invariant: the live image = the durable image + all listed effects in order.
 */
import { crashPlans } from './crash-plan.js'
import { type Change, type DiskImage, type DiskNode, placesOf } from './file-image.js'
import { SeededRandom } from './seeded-random.js'

export interface Effect {
  readonly change: Change
  isDurable: boolean
  /** A sync that was to make it durable failed; no later sync will. */
  isGivenUp: boolean
}

export interface CrashImageOptions {
  /** Upper bound on images; where there are more states, a seeded choice is given. Default 256. */
  readonly maxImages?: number
  /** Random cuts of each file's last write, and random subsets. Default 8. */
  readonly randomCount?: number
}

export interface CrashState {
  readonly image: DiskImage
  readonly description: string
}

export class EffectLog {
  readonly live: DiskImage
  readonly #durable: DiskImage
  #effects: Effect[]
  /** Files and folders without a name, with the effect that took it away. */
  readonly #unlinked = new Map<number, Effect>()

  /** All that the image holds is durable. */
  constructor(durable: DiskImage, live: DiskImage = durable.copy(), effects: Effect[] = []) {
    this.#durable = durable
    this.live = live
    this.#effects = effects
  }

  get unsyncedCount(): number {
    return this.#effects.filter((effect) => !effect.isDurable).length
  }

  record(change: Change): Effect {
    const effect: Effect = { change, isDurable: false, isGivenUp: false }
    this.live.apply(change)
    this.#effects.push(effect)
    return effect
  }

  /** Notes that `effect` took the last name of a file or folder. */
  unlinked(node: DiskNode, effect: Effect): void {
    this.#unlinked.set(node.id, effect)
  }

  hasName(id: number): boolean {
    return !this.#unlinked.has(id)
  }

  /** What a sync of this file or folder would make durable. */
  covered(id: number): Effect[] {
    return this.#effects.filter(
      (effect) => !effect.isGivenUp && placesOf(effect.change).includes(id),
    )
  }

  giveUp(effects: readonly Effect[]): void {
    for (const effect of effects) effect.isGivenUp = true
  }

  /** Returns the numbers of files and folders that are gone for good: without a name, and not held by anybody. */
  makeDurable(effects: readonly Effect[], isHeld: (id: number) => boolean): number[] {
    for (const effect of effects) effect.isDurable = true
    const waiting = new Set<number>()
    this.#effects = this.#effects.filter((effect) => {
      const places = placesOf(effect.change)
      if (effect.isDurable && !places.some((place) => waiting.has(place))) {
        this.#durable.apply(effect.change)
        return false
      }
      for (const place of places) waiting.add(place)
      return true
    })
    return this.#unlinked.size === 0 ? [] : this.#forget(isHeld)
  }

  /** Changes both images behind the back of the list. */
  corrupt(id: number, position: number, mask: number): void {
    for (const image of [this.live, this.#durable]) {
      const { content } = image.file(id)
      const byte = new Uint8Array(1)
      if (content.read(byte, 0, 1, position) === 0) continue
      byte[0] = (byte[0] as number) ^ mask
      content.write(byte, position)
    }
  }

  /** An independent copy with the same effects. */
  copy(): EffectLog {
    const twins = new Map(this.#effects.map((effect) => [effect, { ...effect }]))
    const copy = new EffectLog(this.#durable.copy(), this.live.copy(), [...twins.values()])
    for (const [id, effect] of this.#unlinked) {
      copy.#unlinked.set(id, twins.get(effect) ?? effect)
    }
    return copy
  }

  /** See `MemoryFileSystem.crashImages`. */
  *crashStates(seed: number | string, options: CrashImageOptions): Generator<CrashState, void> {
    const { maxImages = 256, randomCount = 8 } = options
    const random = new SeededRandom(`crash ${seed}`)
    const unsynced = this.#effects.filter((effect) => !effect.isDurable)
    const numbers = new Map(unsynced.map((effect, index) => [effect, index]))
    let plans = crashPlans(
      unsynced.map((effect) => effect.change),
      random,
      randomCount,
    )
    if (plans.length > maxImages) {
      const certain = plans.slice(0, Math.min(2, maxImages))
      plans = [...certain, ...random.sample(plans.slice(2), maxImages - certain.length)]
    }
    const effects = [...this.#effects]
    const base = this.#durable.copy()
    for (const { description, keeps, replacement } of plans) {
      const image = base.copy()
      for (const effect of effects) {
        const index = numbers.get(effect)
        if (index === undefined) image.apply(effect.change)
        else if (keeps(index)) {
          image.apply(replacement?.index === index ? replacement.change : effect.change)
        }
      }
      image.prune()
      yield { image, description }
    }
  }

  #forget(isHeld: (id: number) => boolean): number[] {
    const listed = new Set(this.#effects)
    const gone: number[] = []
    for (const [id, effect] of this.#unlinked) {
      if (listed.has(effect) || isHeld(id)) continue
      this.#effects = this.#effects.filter(
        ({ change }) => change.kind === 'names' || change.fileId !== id,
      )
      for (const image of [this.live, this.#durable]) image.nodes.delete(id)
      this.#unlinked.delete(id)
      gone.push(id)
    }
    return gone
  }
}
