import { type FeedId, generateKeys } from '@dunbar/core'
import { boxPrivate, unboxContent, unboxPrivate } from '@dunbar/formats'
import { describe, expect, it } from 'vitest'
import { readVectors } from './vectors.js'

interface BoxCase {
  readonly recipients: { readonly id: FeedId; readonly seedHex: string }[]
  readonly outsiderSeedHex: string
  readonly plaintext: string
  readonly boxed?: string
  readonly boxError?: unknown
}

const { cases } = readVectors<{ cases: BoxCase[] }>('private-box.json')

function keysOf(seedHex: string) {
  return generateKeys(Buffer.from(seedHex, 'hex'))
}

describe('private boxes of ssb-keys', () => {
  for (const { recipients, outsiderSeedHex, plaintext, boxed } of cases) {
    const ids = recipients.map(({ id }) => id)
    if (boxed !== undefined) {
      it(`open for ${ids.length} recipients, and not for an outsider`, () => {
        for (const { id, seedHex } of recipients) {
          const keys = keysOf(seedHex)
          expect(keys.id).toBe(id)
          expect(Buffer.from(unboxPrivate(boxed, keys)!).toString()).toBe(plaintext)
          expect(unboxContent(boxed, keys)).toEqual(JSON.parse(plaintext))
        }
        expect(unboxPrivate(boxed, keysOf(outsiderSeedHex))).toBeNull()
      })
    } else {
      it(`are refused for ${ids.length} recipients`, () => {
        expect(() => boxPrivate(Buffer.from(plaintext), ids)).toThrow(
          expect.objectContaining({ code: 'TOO_MANY_RECIPIENTS' }),
        )
      })
    }
  }
})

it('the box of the protocol digest, 8.1, is made byte for byte', () => {
  const ids = [1, 2].map((seed) => generateKeys(new Uint8Array(32).fill(seed)).id)
  const content = JSON.stringify({ type: 'post', text: 'hi', recps: ids })
  let fill = 3
  const randomBytes = (length: number) => new Uint8Array(length).fill(fill++)
  expect(boxPrivate(Buffer.from(content), ids, { randomBytes })).toBe(
    'AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDUKYUCbHd0DJemxa3AOcZ6XcsBwALG9d4bpB8ZT0gSV1YF5XZ/Uf8fIdatylX6cfbCZSrUcWGSmCvtG7mJEibLEeqYJPJYkaVVP7WpmLLhheZeQZccXZLTrvqZ46yhden0O9RktZgGRv+LWyBzpPg8ARcPTD+O2DSDjGev8WcdoP7eKIE+tFtGfxVxo/0oMqRjcIPwAdMQZ5jRPiGjYbq17E7H8oVWJG3WVb6jwQbMgXhjQaI2d3ajv0u1xx3k5UT5Dx+YfXOO+QdYkDUuOdGR4oIbP+zjp6fmvBYK1b5XWesIPF4TpX/0CTI+zfMykfPPIGGvXfimnDg9az9Dxurljq03H51ipCeKJgUxbKT8FqWRSAG38VXe9MUmdbEH4K5HQdZEMuy0w==.box',
  )
})
