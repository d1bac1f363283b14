import type { Dataset } from '../dataset.js'
import type { Placement } from '../process.js'
import type { Load, RunningSubject, StartOptions, Subject, SubjectName } from './subject.js'

/** A peer of another make: `peers/NAME/peer.cjs` as a child process, asked over its channel. */
export class ForeignSubject implements Subject {
  readonly name: SubjectName
  readonly version: string
  readonly #folder: string
  readonly #placement: Placement

  constructor(name: SubjectName, folder: string, placement: Placement) {
    this.name = name
    this.version = name
    this.#folder = folder
    this.#placement = placement
  }

  load(_dataset: Dataset, _path: string): Promise<Load> {
    throw new Error(`${this.#folder} ${this.#placement.cores}`)
  }

  start(_path: string, _options?: StartOptions): Promise<RunningSubject> {
    throw new Error('no peer')
  }
}
