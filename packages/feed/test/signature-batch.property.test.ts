import { verifySignature } from '@dunbar/formats'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeSignatureBatch, verifySignatureBatch } from '../src/signature-batch.js'
import { Author } from './shard-fixture.js'

const author = new Author('ada')
const messages = author.take(20)

describe('a batch of signatures', () => {
  test('has the verdict that each message has by itself', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(19), fc.nat(19), fc.option(fc.nat(300))), { maxLength: 20 }),
        (picks) => {
          const signed = picks.map(([at, signedBy, flipAt]) => {
            const bytes = Uint8Array.from(messages[at]!.signed)
            if (flipAt !== null) bytes[flipAt % bytes.length]! ^= 1
            const { signature, authorBytes } = messages[signedBy]!
            return { signed: bytes, signature, authorBytes }
          })
          const batch = encodeSignatureBatch(author.keys.publicKey, signed)
          expect([...verifySignatureBatch(batch)]).toEqual(
            signed.map((each) => (verifySignature(each) ? 1 : 0)),
          )
        },
      ),
    )
  })

  test('that is cut anywhere is refused or has fewer verdicts, and never reads beyond its end', () => {
    const batch = encodeSignatureBatch(author.keys.publicKey, messages.slice(0, 2))
    const entryBytes = 68 + messages[0]!.signed.length
    for (let length = 0; length < batch.byteLength; length++) {
      const whole = length >= 32 && (length === 32 || length === 32 + entryBytes)
      const cut = batch.slice(0, length)
      if (whole) expect(verifySignatureBatch(cut).length).toBe(length === 32 ? 0 : 1)
      else {
        expect(() => verifySignatureBatch(cut)).toThrow(
          expect.objectContaining({ code: 'BATCH_INVALID' }),
        )
      }
    }
  })

  test('is in memory of its own, ready to be moved', () => {
    const batch = encodeSignatureBatch(author.keys.publicKey, messages)
    const moved = structuredClone(batch, { transfer: [batch] })
    expect(verifySignatureBatch(moved)).toEqual(new Uint8Array(20).fill(1))
    expect(messages[0]!.signed.length).toBeGreaterThan(0)
  })
})
