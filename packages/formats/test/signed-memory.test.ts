import { generateKeys } from '@dunbar/core'
import { describe, expect, it } from 'vitest'
import { readClassic, verifySignature } from '../src/classic.js'
import { createClassic } from '../src/classic-author.js'
import { SignedMemory } from '../src/signed-memory.js'

const keys = generateKeys(new Uint8Array(32).fill(1))

describe('memory for signed bytes', () => {
  it('keeps those of all messages that are read before it is used anew', () => {
    const signedMemory = new SignedMemory()
    const sent = Array.from({ length: 40 }, (_, at) =>
      createClassic({
        keys,
        head: null,
        timestamp: at,
        content: { type: 'post', text: 'é'.repeat(at * 100) },
      }),
    )
    for (let round = 0; round < 2; round++) {
      signedMemory.reuse()
      const read = sent.map(({ compact }) => readClassic(compact, { signedMemory }))
      for (const [at, result] of read.entries()) {
        if (!result.ok) return expect.unreachable(result.reason)
        expect(result.message.key).toBe(sent[at]!.key)
        expect(Buffer.compare(result.message.signed, sent[at]!.signed)).toBe(0)
        expect(verifySignature(result.message)).toBe(true)
      }
    }
  })
})
