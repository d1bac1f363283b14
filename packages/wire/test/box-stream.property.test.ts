import fc from 'fast-check'
import boxes from 'pull-box-stream'
import pull from 'pull-stream'
import { expect, it } from 'vitest'
import { BoxOpener, BoxSealer } from '../src/box-stream.js'
import { answer } from './foreign-peer.js'

/** npm pull-box-stream is the reference. */
const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes))
const nonce = fc
  .tuple(fc.uint8Array({ minLength: 24, maxLength: 24 }), fc.nat(24))
  // Trailing 0xff make the counter carry.
  .map(([bytes, ones]) => Buffer.from(bytes).fill(0xff, 24 - ones))
const pieces = fc.array(
  fc
    .tuple(
      fc.oneof(fc.integer({ min: 1, max: 60 }), fc.constantFrom(4095, 4096, 4097, 9000)),
      fc.nat(255),
    )
    .map(([sizeBytes, fill]) => Buffer.alloc(sizeBytes, fill)),
  { maxLength: 6 },
)
const cutSizes = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 20 })
/** The reference calls itself once for each chunk of a packet, and has a stack to think of. */
const MAX_REFERENCE_CHUNKS = 1_000

/** The bytes in pieces of these sizes, over and over, each in memory of its own. */
function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + sizes[chunks.length % sizes.length]!
    chunks.push(Buffer.from(bytes.subarray(at, end)))
    at = end
  }
  return chunks
}

function theirSeal(plaintexts: readonly Buffer[], ...args: [Buffer, Buffer]): Promise<Buffer> {
  return answer<Buffer[]>((done) =>
    pull(pull.values(plaintexts), boxes.createBoxStream(...args), pull.collect(done)),
  ).then((sealed) => Buffer.concat(sealed))
}

function ourSeal(plaintexts: readonly Buffer[], ...args: [Buffer, Buffer]): Buffer {
  const sealer = new BoxSealer(...args)
  return Buffer.concat([...plaintexts.map((bytes) => sealer.seal(bytes)), sealer.goodbye()])
}

/** Everything that opens, and how it ended. */
function ourOpen(chunks: readonly Buffer[], ...args: [Buffer, Buffer]) {
  const opener = new BoxOpener(...args)
  const opened: Buffer[] = []
  for (const chunk of chunks) {
    if (opener.end !== null) break
    for (const bytes of opener.open(chunk)) {
      // What is given away may be overwritten at once, as the frame reader does.
      opened.push(Buffer.from(bytes))
      bytes.fill(0)
    }
  }
  return { bytes: Buffer.concat(opened), end: opener.end }
}

it('seals the same bytes as the reference', async () => {
  await fc.assert(
    fc.asyncProperty(pieces, key, nonce, async (plaintexts, ...args) => {
      expect(ourSeal(plaintexts, ...args).equals(await theirSeal(plaintexts, ...args))).toBe(true)
    }),
  )
})

it('opens what the reference sealed, however it is cut', async () => {
  await fc.assert(
    fc.asyncProperty(pieces, key, nonce, cutSizes, async (plaintexts, key, nonce, sizes) => {
      const sealed = await theirSeal(plaintexts, key, nonce)
      const { bytes, end } = ourOpen(cut(sealed, sizes), key, nonce)
      expect(bytes.equals(Buffer.concat(plaintexts))).toBe(true)
      expect(end).toBe('goodbye')
    }),
  )
})

it('is opened by the reference, however it is cut', async () => {
  await fc.assert(
    fc.asyncProperty(pieces, key, nonce, cutSizes, async (plaintexts, key, nonce, sizes) => {
      const chunks = cut(ourSeal(plaintexts, key, nonce), sizes)
      fc.pre(chunks.length <= MAX_REFERENCE_CHUNKS)
      const opened = await answer<Buffer[]>((done) =>
        pull(pull.values(chunks), boxes.createUnboxStream(key, nonce), pull.collect(done)),
      )
      expect(Buffer.concat(opened).equals(Buffer.concat(plaintexts))).toBe(true)
    }),
  )
})

it('gives a beginning of the plaintext and no clean end where bits are flipped or bytes are missing', () => {
  fc.assert(
    fc.property(
      pieces,
      key,
      nonce,
      cutSizes,
      fc.nat(),
      fc.nat(8),
      (plaintexts, key, nonce, sizes, place, bit) => {
        const sealed = ourSeal(plaintexts, key, nonce)
        const at = place % sealed.length
        const damaged = bit === 8 ? sealed.subarray(0, at) : Buffer.from(sealed)
        if (bit < 8) damaged[at]! ^= 1 << bit
        const { bytes, end } = ourOpen(cut(damaged, sizes), key, nonce)
        const plaintext = Buffer.concat(plaintexts)
        expect(bytes.equals(plaintext.subarray(0, bytes.length))).toBe(true)
        if (bit === 8) expect(end).toBeNull()
        else expect(end).toMatchObject({ code: 'BAD_BOX' })
      },
    ),
  )
})
