import { join } from 'node:path'

export const profileKinds = ['cpu', 'heap'] as const
export type ProfileKind = (typeof profileKinds)[number]

/** V8's profiles of all threads of dunbar's processes: a folder for each workload. */
export class Profiles {
  readonly kinds: readonly ProfileKind[]
  readonly #folder: string
  readonly #parts = new Set<string>()
  #part = ''

  constructor(kinds: readonly ProfileKind[], folder: string) {
    this.kinds = kinds
    this.#folder = folder
  }

  /** What is started from here on is part of this workload. */
  begin(part: string): void {
    this.#part = part
    this.#parts.add(part)
  }

  /** Runs what belongs to no workload alone. */
  async aside<Result>(part: string, run: () => Promise<Result>): Promise<Result> {
    const before = this.#part
    this.begin(part)
    try {
      return await run()
    } finally {
      this.#part = before
    }
  }

  /** For the process that is started next. Its threads have them too; each writes its profile when it ends. */
  get nodeFlags(): readonly string[] {
    const folder = join(this.#folder, this.#part)
    return this.kinds.flatMap((kind) => [`--${kind}-prof`, `--${kind}-prof-dir=${folder}`])
  }

  /** Folders by part; some have no files. */
  get folders(): ReadonlyMap<string, string> {
    return new Map([...this.#parts].map((part) => [part, join(this.#folder, part)]))
  }
}
