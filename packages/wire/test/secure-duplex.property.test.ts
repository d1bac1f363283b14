import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { ByteDuplex, ByteDuplexEvents } from '../src/byte-duplex.js'
import { ClientHandshake, ServerHandshake } from '../src/handshake.js'
import { loadHandshakeCrypto } from '../src/handshake-crypto.js'
import { SecureDuplex } from '../src/secure-duplex.js'
import { alice, bob, networkKey } from './networked.js'

const crypto = await loadHandshakeCrypto()

/** One end of a pipe in memory, whose bytes arrive in pieces, and whose writes take a while. */
class MemoryPipe implements ByteDuplex {
  other: MemoryPipe | null = null
  events: ByteDuplexEvents | null = null
  /** Written by the other end and not delivered yet. */
  arriving: Buffer = Buffer.alloc(0)
  isEndArriving = false
  isWriting = false
  isDestroyed = false

  start(events: ByteDuplexEvents): void {
    this.events = events
  }

  write(bytes: Uint8Array, done: () => void): void {
    // At most one write at a time is promised to a pipe.
    expect(this.isWriting).toBe(false)
    this.isWriting = true
    const { other } = this
    if (other === null) throw new Error('no other end')
    other.arriving = Buffer.concat([other.arriving, bytes])
    queueMicrotask(() => {
      this.isWriting = false
      done()
    })
  }

  pause(): void {}
  resume(): void {}

  end(): void {
    if (this.other !== null) this.other.isEndArriving = true
  }

  destroy(): void {
    this.isDestroyed = true
  }

  /** Delivers so many bytes at most; false where nothing is there to deliver. */
  deliver(sizeBytes: number): boolean {
    if (this.arriving.length > 0) {
      const chunk = Buffer.from(this.arriving.subarray(0, sizeBytes))
      this.arriving = this.arriving.subarray(sizeBytes)
      this.events?.bytes(chunk)
      return true
    }
    if (!this.isEndArriving) return false
    this.isEndArriving = false
    this.events?.end()
    return true
  }
}

/** One side: says `words` as soon as it may, and keeps what it hears. */
class Side {
  heard: Buffer = Buffer.alloc(0)
  readonly events: string[] = []
  readonly pipe = new MemoryPipe()

  speak(duplex: SecureDuplex, words: readonly Buffer[]): void {
    duplex.start({
      bytes: (chunk) => {
        this.heard = Buffer.concat([this.heard, chunk])
      },
      end: () => this.events.push('end'),
      broken: ({ code }) => this.events.push(code),
      close: () => this.events.push('close'),
    })
    const say = (index: number): void => {
      const word = words[index]
      if (word === undefined) duplex.end()
      else duplex.write(word, () => say(index + 1))
    }
    say(0)
  }
}

const words = fc.array(
  fc.integer({ min: 1, max: 9000 }).map((sizeBytes) => Buffer.alloc(sizeBytes, sizeBytes)),
  { maxLength: 4 },
)
const sizes = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 20 })

it('carries all words from the first on, however the bytes are cut, and ends cleanly', async () => {
  await fc.assert(
    fc.asyncProperty(words, words, sizes, async (asked, answered, sizes) => {
      const [caller, called] = [new Side(), new Side()]
      caller.pipe.other = called.pipe
      called.pipe.other = caller.pipe
      const failed = (reason: Error) => {
        throw reason
      }
      const server = new SecureDuplex(
        called.pipe,
        new ServerHandshake({ crypto, keys: bob, networkKey, authorize: () => true }),
        { secured: () => called.speak(server, answered), failed },
      )
      const remoteKey = bob.publicKey
      const client = new SecureDuplex(
        caller.pipe,
        new ClientHandshake({ crypto, keys: alice, networkKey, remoteKey }),
        { secured: () => caller.speak(client, asked), failed },
      )
      let idleTurns = 0
      for (let turn = 0; idleTurns < 10; turn++) {
        const sizeBytes = sizes[turn % sizes.length]!
        const isBusy = [caller, called].map(({ pipe }) => pipe.deliver(sizeBytes)).includes(true)
        idleTurns = isBusy ? 0 : idleTurns + 1
        await Promise.resolve()
      }
      expect(called.heard.equals(Buffer.concat(asked))).toBe(true)
      expect(caller.heard.equals(Buffer.concat(answered))).toBe(true)
      expect([caller.events, called.events]).toEqual([['end'], ['end']])
    }),
    { numRuns: 50 },
  )
})
