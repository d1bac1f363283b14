import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { copyDataset, type Dataset, type DatasetSize } from './dataset.js'
import { makeDatasetOnThread } from './dataset-thread.js'
import { type Figure, figureKey, type Limit } from './figure.js'
import { type LimitName, limits } from './limits/index.js'
import type { Placement } from './process.js'
import type { Profiles } from './profile.js'
import type { Progress } from './progress.js'
import type { Dunbar } from './subjects/dunbar.js'
import type { Peers } from './subjects/peers.js'
import type { Subject } from './subjects/subject.js'

export interface Settings {
  readonly isFull: boolean
  /** Rounds of every figure. */
  readonly samples: number
  /** Of the data that most figures are measured on. */
  readonly feeds: number
  readonly messages: number
  /** Of the data that other peers are measured on as well. */
  readonly pairedMessages: number
  /** Peers take part in all that they can; without it, in what a run of everything has time for. */
  readonly pairsAll: boolean
  /** Of the data that is enough for what takes long: all of them in a full run. */
  readonly partMessages: number
  readonly seed: number
  /** Worker threads of a node; null: as many as cores. */
  readonly shards: number | null
  readonly placement: Placement
  /** JSON lines to measure in the place of generated messages; null for those. */
  readonly file: string | null
  /** Of dunbar's processes, where any are asked for. */
  readonly profiles?: Profiles
}

/** By then an idle node has collected its garbage, and let its feeds go where it is told to do so soon. */
const REST_MS = 6_000

/** What a workload is given: data, subjects, limits, a place, and where its figures go. */
export class Bench {
  readonly settings: Settings
  readonly dunbar: Dunbar
  /** Other subjects that are there and were asked for. */
  readonly peers: readonly Subject[]
  /** Subjects that were asked for and are not there, with the reason. */
  readonly absent: Readonly<Record<string, { readonly cannot: string }>>
  readonly figures: Figure[] = []
  readonly progress: Progress
  readonly #folder: string
  readonly #datasets = new Map<string, Promise<Dataset>>()
  readonly #limits = new Map<LimitName, Promise<readonly number[]>>()
  readonly #loaded = new Map<string, Promise<string>[]>()
  #folders = 0

  constructor(
    settings: Settings,
    folder: string,
    dunbar: Dunbar,
    { present, absent }: Peers,
    progress: Progress,
  ) {
    this.settings = settings
    this.#folder = folder
    this.dunbar = dunbar
    this.peers = present
    this.absent = absent
    this.progress = progress
  }

  /** Datasets that were made so far. */
  async datasets(): Promise<readonly Dataset[]> {
    return Promise.all(this.#datasets.values())
  }

  /** Generated messages, or the user's file where no size is given; made once in a run. */
  dataset(size?: Partial<DatasetSize>): Promise<Dataset> {
    const { feeds, messages, seed, file } = this.settings
    const whole = { feeds, messages, seed, population: 'natural' as const, ...size }
    const isFile = file !== null && size === undefined
    const name = isFile ? file : JSON.stringify(whole)
    const made = this.#datasets.get(name)
    if (made !== undefined) return made
    const dataset = isFile ? this.#copied(file) : this.#generated(whole)
    this.#datasets.set(name, dataset)
    return dataset
  }

  #generated(size: DatasetSize): Promise<Dataset> {
    this.progress.say(`generating ${size.messages} messages in ${size.feeds} feeds`)
    return makeDatasetOnThread(this.#folder, size)
  }

  #copied(file: string): Promise<Dataset> {
    this.progress.say(`reading ${file}`)
    return copyDataset(this.#folder, file, (messages) =>
      this.progress.say(`${messages} messages of ${file} are left out`),
    )
  }

  /**
   * A folder of this subject's that holds these messages; made once in a run. It is everybody's:
   * start it, ask it, stop it; what changes it, does so in a copy.
   * @throws {Cannot} the subject has no such thing
   */
  loaded(dataset: Dataset, subject: Subject = this.dunbar): Promise<string> {
    return this.#loadedOf(dataset, subject)[0] ?? this.#load(dataset, subject)
  }

  /** As many such folders as there are rounds, each loaded on its own. @throws {Cannot} as `loaded` */
  async loadedEach(dataset: Dataset, subject: Subject = this.dunbar): Promise<readonly string[]> {
    const folders = this.#loadedOf(dataset, subject)
    // The only program of its time: the next is loaded when this one is there.
    while (folders.length < this.settings.samples) await this.#load(dataset, subject)
    return Promise.all(folders.slice(0, this.settings.samples))
  }

  /** A folder of one's own with these messages. @throws {Cannot} as `loaded` */
  async copyOf(dataset: Dataset, subject: Subject = this.dunbar): Promise<string> {
    const path = this.freshPath(`copy-${subject.name}`)
    cpSync(await this.loaded(dataset, subject), path, { recursive: true })
    return path
  }

  #load(dataset: Dataset, subject: Subject): Promise<string> {
    this.progress.say(`${subject.name} takes in ${dataset.messages} messages`)
    const path = this.freshPath(`loaded-${subject.name}`)
    const load = () => subject.load(dataset, path)
    const loading = (this.settings.profiles?.aside('loading', load) ?? load()).then(() => path)
    this.#loadedOf(dataset, subject).push(loading)
    return loading
  }

  /** Takes a folder that was just loaded for one of those that `loaded` gives, so that nobody loads another. */
  keepLoaded(dataset: Dataset, subject: Subject, path: string): void {
    this.#loadedOf(dataset, subject).push(Promise.resolve(path))
  }

  #loadedOf({ digest }: Dataset, { name }: Subject): Promise<string>[] {
    const folders = this.#loaded.get(`${name} ${digest}`) ?? []
    this.#loaded.set(`${name} ${digest}`, folders)
    return folders
  }

  /** A path in the folder of this run where nothing is yet. */
  freshPath(name: string): string {
    this.#folders += 1
    mkdirSync(this.#folder, { recursive: true })
    return join(this.#folder, `${name}-${this.#folders}`)
  }

  /** Samples of a limit, measured when it is first asked for. */
  limit(name: LimitName): Promise<readonly number[]> {
    const measured = this.#limits.get(name)
    if (measured !== undefined) return measured
    const { what, measure } = limits[name]
    this.progress.say(`limit: ${what}`)
    const samples = measure(this)
    this.#limits.set(name, samples)
    return samples
  }

  /** A limit for a figure in the same unit. */
  async beside(name: LimitName): Promise<Limit> {
    return { what: limits[name].what, samples: await this.limit(name) }
  }

  /** Resolves when what is idle has come to rest; sooner in a tiny run. */
  rest(): Promise<void> {
    return new Promise((resolve) =>
      setTimeout(resolve, Math.min(REST_MS, this.settings.messages / 4)),
    )
  }

  /** @throws {Error} it is not exact, and has fewer samples than there are rounds */
  record(figure: Figure): void {
    const { samples } = this.settings
    const { limit } = figure
    const isShort = figure.isExact !== true && figure.samples.length < samples
    const isShortLimit =
      'samples' in limit && limit.isExact !== true && limit.samples.length < samples
    if (isShort || isShortLimit)
      throw new Error(`${figureKey(figure)} has fewer than ${samples} samples`)
    this.figures.push(figure)
  }
}

/** Something that is measured: one file each in `workloads/`. */
export interface Workload {
  /** `npm run bench -- NAME`. */
  readonly name: string
  /** For the progress line and `--help`. */
  readonly title: string
  /** In the short run too. */
  readonly isShort: boolean
  /** Data that take long to generate: made on all cores before anything is measured. */
  datasets?(settings: Settings): readonly Partial<DatasetSize>[]
  /**
   * Measures, checks that what it measured was right, and records its figures.
   * @throws {Error} an answer is wrong: nothing of it is recorded
   */
  run(bench: Bench): Promise<void>
}
