import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  blobIdFromBytes,
  blobIdToBytes,
  feedIdFromBytes,
  feedIdToBytes,
  isBlobId,
  isFeedId,
  isMessageKey,
  messageKeyFromBytes,
  messageKeyToBytes,
  signatureFromBytes,
  signatureToBytes,
} from '../src/ids.js'
import { parseId, toSigil, toUri } from '../src/uris.js'

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })

it('ids and bytes are one another, as Buffer has it', () => {
  fc.assert(
    fc.property(bytes32, (bytes) => {
      const base64 = Buffer.from(bytes).toString('base64')
      const feed = feedIdFromBytes(bytes)
      const message = messageKeyFromBytes(bytes)
      const blob = blobIdFromBytes(bytes)
      expect([feed, message, blob]).toEqual([
        `@${base64}.ed25519`,
        `%${base64}.sha256`,
        `&${base64}.sha256`,
      ])
      expect([isFeedId(feed), isMessageKey(message), isBlobId(blob)]).toEqual([true, true, true])
      for (const back of [feedIdToBytes(feed), messageKeyToBytes(message), blobIdToBytes(blob)]) {
        expect(back).toEqual(bytes)
        expect(back.buffer.byteLength).toBe(32)
      }
    }),
  )
})

it('a URI names the same id as its sigil form, with either separator and prefix', () => {
  fc.assert(
    fc.property(
      bytes32,
      fc.constantFrom('/', ':'),
      fc.boolean(),
      (bytes, separator, hasSlashes) => {
        for (const make of [feedIdFromBytes, messageKeyFromBytes, blobIdFromBytes]) {
          const sigil = make(bytes)
          const uri = toUri(sigil)!
          const variant = uri
            .replaceAll('/', separator)
            .replace('ssb:', hasSlashes ? 'ssb://' : 'ssb:')
          expect(toSigil(variant)).toBe(sigil)
          expect(toUri(variant)).toBe(uri)
          expect(parseId(variant)).toEqual(parseId(sigil))
        }
      },
    ),
  )
})

it('a changed character of a signature is either refused or gives other bytes', () => {
  const bytes64 = fc.uint8Array({ minLength: 64, maxLength: 64 })
  const unit = fc.integer({ min: 0, max: 0xffff })
  fc.assert(
    fc.property(bytes64, fc.nat(99), unit, (bytes, at, replacement) => {
      const text = signatureFromBytes(bytes)
      expect(text).toBe(`${Buffer.from(bytes).toString('base64')}.sig.ed25519`)
      expect(signatureToBytes(text)).toEqual(bytes)
      const changed = text.slice(0, at) + String.fromCharCode(replacement) + text.slice(at + 1)
      const back = signatureToBytes(changed)
      if (back !== null) expect(signatureFromBytes(back)).toBe(changed)
    }),
  )
})
