import { CodedError } from '@dunbar/core'

/** What one connection may have registered of a kind. */
const MAX_OF_CONNECTION = 4

/** Callbacks that apps have registered, counted by connection. */
export class Registrations<Item> {
  readonly #kind: string
  readonly #most: number
  readonly #items = new Map<Item, object>()

  constructor(kind: string, most: number) {
    this.#kind = kind
    this.#most = most
  }

  get count(): number {
    return this.#items.size
  }

  all(): IterableIterator<Item> {
    return this.#items.keys()
  }

  /**
   * Adds one; the returned function takes it out again.
   * @param connection whose it is
   * @throws {TOO_MANY_CALLBACKS}
   */
  add(connection: object, item: Item): () => void {
    const own = [...this.#items.values()].filter((each) => each === connection).length
    if (this.#items.size >= this.#most || own >= MAX_OF_CONNECTION) {
      const text = `no more ${this.#kind}: ${MAX_OF_CONNECTION} of a connection, ${this.#most} in all`
      throw new CodedError('TOO_MANY_CALLBACKS', text, { kind: this.#kind })
    }
    this.#items.set(item, connection)
    return () => this.#items.delete(item)
  }
}
