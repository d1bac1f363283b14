/** The number of every name beyond the bound: who asks for one of these has to read the message. */
export const OTHER = 0

/**
 * Numbers for names that authors choose (types, relations), from 1 on in order of appearance. At
 * most `maxNames`, none longer than `maxLength`; all others share the number `OTHER`.
 */
export class InternedNames {
  readonly #numbers = new Map<string, number>()
  readonly #names: string[] = ['']
  readonly #maxNames: number
  readonly #maxLength: number

  constructor(maxNames: number, maxLength: number, known: readonly string[] = []) {
    this.#maxNames = Math.min(maxNames, 0xffff)
    this.#maxLength = maxLength
    for (const name of known) this.intern(name)
  }

  get count(): number {
    return this.#names.length
  }

  /** The number of a name, made where it is new and there is room. */
  intern(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    if (name.length > this.#maxLength || this.#names.length > this.#maxNames) return OTHER
    const number = this.#names.length
    // A name cut out of a message would hold on to the whole text of that message.
    const own = Buffer.from(name, 'utf16le').toString('utf16le')
    this.#numbers.set(own, number)
    this.#names.push(own)
    return number
  }

  /** The number of a name; `OTHER` where it has none. */
  find(name: string): number {
    return this.#numbers.get(name) ?? OTHER
  }

  /** The name behind a number; null for `OTHER` and numbers that nobody has. */
  name(number: number): string | null {
    return number === OTHER ? null : (this.#names[number] ?? null)
  }

  /** All names, the one of number 1 first. */
  list(): string[] {
    return this.#names.slice(1)
  }
}
