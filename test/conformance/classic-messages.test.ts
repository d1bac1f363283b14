import { type FeedId, generateKeys, type MessageKey } from '@dunbar/core'
import {
  type ClassicMessage,
  checkSuccessor,
  createClassic,
  readClassic,
  verifySignature,
} from '@dunbar/formats'
import { describe, expect, it } from 'vitest'
import { readThirdPartyVectors, readVectors } from './vectors.js'

interface MessageCase {
  readonly hmacKey: string | null
  readonly signedTextUnsignedPart: string
  readonly value: string
  readonly encoded: string
  readonly id: string
}
interface KeysCase {
  readonly keys: { readonly public: string; readonly private: string; readonly seedHex: string }
}

function read(text: string, hmacKey: Uint8Array | null = null): ClassicMessage {
  const result = readClassic(Buffer.from(text), hmacKey === null ? {} : { hmacKey })
  if (!result.ok) throw new Error(`refused: ${result.reason}`)
  return result.message
}

const { cases } = readVectors<{ cases: (MessageCase | KeysCase)[] }>('classic-messages.json')

describe('classic messages of ssb-keys and ssb-validate', () => {
  /** Cases come in chains, each followed by the keys of its author. */
  const chains: { messages: MessageCase[]; keys: KeysCase['keys'] }[] = []
  let messages: MessageCase[] = []
  for (const entry of cases) {
    if ('keys' in entry) {
      chains.push({ messages, keys: entry.keys })
      messages = []
    } else messages.push(entry)
  }

  it('are 20 messages of two feeds, with and without HMAC', () => {
    expect(chains.map((chain) => chain.messages.length)).toEqual([10, 10])
    expect(chains.map((chain) => chain.messages[0]?.hmacKey === null)).toEqual([true, false])
  })

  for (const [chainNumber, chain] of chains.entries()) {
    const keys = generateKeys(Buffer.from(chain.keys.seedHex, 'hex'))
    let head: { key: MessageKey; sequence: number } | null = null
    for (const [number, vector] of chain.messages.entries()) {
      const hmacKey = vector.hmacKey === null ? null : Buffer.from(vector.hmacKey, 'base64')
      it(`chain ${chainNumber + 1}, message ${number + 1}: same key, signed text and bytes`, () => {
        for (const text of [vector.value, vector.encoded]) {
          const message = read(text, hmacKey)
          expect(message.key).toBe(vector.id)
          expect(Buffer.from(message.compact).toString()).toBe(vector.value)
          expect(JSON.stringify(message.value, null, 2)).toBe(vector.encoded)
          expect(verifySignature(message)).toBe(true)
        }
        const unsigned = read(vector.value)
        expect(Buffer.from(unsigned.signed).toString()).toBe(vector.signedTextUnsignedPart)
        expect(verifySignature(unsigned)).toBe(hmacKey === null)
      })

      it(`chain ${chainNumber + 1}, message ${number + 1}: is made again byte for byte`, () => {
        const message = read(vector.value, hmacKey)
        expect(checkSuccessor(message, head)).toBe('ok')
        const again = createClassic({
          keys,
          head,
          timestamp: message.timestamp,
          content: message.content,
          ...(hmacKey === null ? {} : { hmacKey }),
        })
        expect(Buffer.from(again.compact).toString()).toBe(vector.value)
        head = { key: message.key, sequence: message.sequence }
      })
    }
  }
})

describe('the messages of the protocol digest, 1.9', () => {
  const author = generateKeys(new Uint8Array(32).fill(1))
  const idOfA = '@iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=.ed25519' as FeedId
  const keyOfM1 = '%4bqbUTWpb+MYNRnKxOFaofgCIZsAv3ZgJzdasEV/RKE=.sha256' as MessageKey
  const hello = { type: 'post', text: 'hello' }
  const timestamp = 1_500_000_000_000

  it('have these two authors', () => {
    expect(author.id).toBe(idOfA)
    expect(generateKeys(new Uint8Array(32).fill(2)).id).toBe(
      '@gTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Js5Q=.ed25519',
    )
  })

  it('m1 has this signature, key and length', () => {
    const m1 = createClassic({ keys: author, head: null, timestamp, content: hello })
    expect(m1.key).toBe(keyOfM1)
    expect(m1.value.signature).toBe(
      'zjKo11l1CnXcVGudVWv0ncBWBTrcwa8m2pqIRL+3ZG/M9eWX9VscLtr6UsaUw2oFsVikaJNcIYKULrUPLlI7DA==.sig.ed25519',
    )
    expect(JSON.stringify(m1.value, null, 2)).toHaveLength(337)
  })

  it('m2, in legacy order with other scripts and odd numbers, has this signature and key', () => {
    const content = {
      type: 'post',
      text: 'café € 😀',
      n: 1e21,
      z: 0,
      f: 0.1,
      e: 1e-7,
      arr: [],
      obj: {},
    }
    const m2 = createClassic({
      keys: author,
      head: { key: keyOfM1, sequence: 1 },
      timestamp: 1_500_000_000_000.5,
      content,
      isLegacyOrder: true,
    })
    expect(m2.value.signature).toBe(
      'jzzyukPxusz87a9oXjfWg9K2Tgs7JrrIlWIrrsCztcEK9Gs/i3nF+Wt/32EBPXeAHUc6UtKgMCF9vaD1at/sBA==.sig.ed25519',
    )
    expect(m2.key).toBe('%wgGIvUlJZrqR4/Xl6jgWNPuwaxAcnaQOuU4OPXDgdFk=.sha256')
    const text = JSON.stringify(m2.value, null, 2)
    expect([text.length, Buffer.byteLength(text)]).toEqual([480, 485])
  })

  it('m1 under caps.sign has this signature and key', () => {
    const hmacKey = new Uint8Array(32).fill(7)
    const m1 = createClassic({ keys: author, head: null, timestamp, content: hello, hmacKey })
    expect(m1.value.signature).toBe(
      'l6U+graqTb13TIH7yvsHuSMdUMVd1kaoFovDlqqEyNUZTbbu1fClMbTZqdLkJ4DxRi3jhMqb93io7zKSV4NVBQ==.sig.ed25519',
    )
    expect(m1.key).toBe('%Pzpe7JT4sDBESZrcFxBHj/Cru2W38zIjXraRlTjJMHI=.sha256')
  })
})

interface GoCase {
  readonly full: string
  readonly input: string
  readonly noSig: string
}
const goCases = readThirdPartyVectors<GoCase[]>('go-ssb-classic-messages/cases.json')

describe('235 messages of a real feed, from go-ssb', () => {
  it.skipIf(goCases === null)('have the same keys, texts and order (third-party vectors)', () => {
    expect(goCases).toHaveLength(235)
    let head: { key: MessageKey; sequence: number } | null = null
    for (const { full, input, noSig } of goCases ?? []) {
      const { key, value } = JSON.parse(full) as { key: MessageKey; value: unknown }
      const message = read(input)
      expect(message.key).toBe(key)
      expect(Buffer.from(message.signed).toString()).toBe(noSig)
      expect(JSON.stringify(message.value, null, 2)).toBe(input)
      expect(Buffer.from(message.compact).toString()).toBe(JSON.stringify(value))
      expect(read(JSON.stringify(value)).key).toBe(key)
      expect(verifySignature(message)).toBe(true)
      expect(checkSuccessor(message, head)).toBe('ok')
      head = { key: message.key, sequence: message.sequence }
    }
  })
})
