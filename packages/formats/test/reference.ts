/** The published JavaScript implementations that ours is compared with, and keys to test with. */
import { createRequire } from 'node:module'
import { generateKeys, type Keys } from '@dunbar/core'

const require = createRequire(import.meta.url)

export interface ReferenceKeys {
  readonly curve: 'ed25519'
  readonly public: string
  readonly private: string
  readonly id: string
}

interface FeedState {
  readonly id: string
  readonly sequence: number
  readonly timestamp: number
  readonly queue: readonly never[]
}

export const ssbKeys: {
  generate(curve: 'ed25519', seed: Buffer): ReferenceKeys
  signObj<Value extends object>(
    keys: ReferenceKeys,
    hmacKey: string | null,
    value: Value,
  ): Value & { signature: string }
  box(content: unknown, recipients: readonly string[]): string
  unbox(boxed: string, keys: ReferenceKeys): unknown
} = require('ssb-keys')

export const ssbValidate: {
  id(value: unknown): string
  create(
    state: FeedState | null,
    keys: ReferenceKeys,
    hmacKey: string | null,
    content: unknown,
    timestamp: number,
  ): Record<string, unknown>
  /** False where the message is valid. May throw on odd input. */
  checkInvalid(state: FeedState | null, hmacKey: string | null, value: unknown): Error | false
  checkInvalidOOO(value: unknown, hmacKey: string | null): Error | false
} = require('ssb-validate')

/** One identity in both libraries' forms. */
export function identity(number: number): { keys: Keys; reference: ReferenceKeys } {
  const seed = Buffer.alloc(32, number)
  return { keys: generateKeys(seed), reference: ssbKeys.generate('ed25519', seed) }
}

/** The state that ssb-validate keeps of a feed. */
export function feedState(id: string, sequence: number): FeedState {
  return { id, sequence, timestamp: 0, queue: [] }
}

/** True where ssb-validate takes the message on its own, out of order. */
export function isAcceptedByReference(value: unknown, hmacKey: string | null = null): boolean {
  try {
    return ssbValidate.checkInvalidOOO(value, hmacKey) === false
  } catch {
    return false
  }
}
