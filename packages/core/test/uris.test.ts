import { describe, expect, it } from 'vitest'
import { parseId, toSigil, toUri } from '../src/uris.js'

const base64 = 'cOXXtqKbOS+FB2/hXKLyBTxWwjOHKMTjPJ6N2x7oJ8w='
const safe = 'cOXXtqKbOS-FB2_hXKLyBTxWwjOHKMTjPJ6N2x7oJ8w='

describe('parseId', () => {
  it('gives classic ids in sigil form and all others as canonical URI', () => {
    expect(parseId(`ssb://feed/ed25519/${safe}`)).toEqual({
      kind: 'feed',
      format: 'classic',
      id: `@${base64}.ed25519`,
    })
    expect(parseId(`ssb:feed:bendybutt-v1:${safe}`)).toEqual({
      kind: 'feed',
      format: 'bendybutt-v1',
      id: `ssb:feed/bendybutt-v1/${safe}`,
    })
    expect(parseId(`ssb:message/cloaked/${safe}`)).toEqual(parseId(`%${base64}.cloaked`))
  })

  it('keeps the parent message of a buttwoo feed and refuses a second id elsewhere', () => {
    const uri = `ssb:feed/buttwoo-v1/${safe}/${safe}`
    expect(parseId(uri)?.id).toBe(uri)
    expect(parseId(`ssb:feed/classic/${safe}/${safe}`)).toBeNull()
    expect(parseId(`ssb:message/buttwoo-v1/${safe}/${safe}`)).toBeNull()
  })

  it('is null for other URIs, wrong data and things that are no text', () => {
    const others = [
      `ssb:feed/constructor/${safe}`,
      `ssb:blob/bendybutt-v1/${safe}`,
      `ssb:identity/group/${safe}`,
      `ssb:feed/classic/${base64}`,
      `ssb:feed/classic/${safe.slice(0, -1)}`,
      `ssb:feed/classic/${safe.slice(0, -2)}x=`,
      `ssb:feed/classic:${safe}`,
      `ssb:feed/classic/${safe}?x=1`,
      `ssb:feed/classic/${safe}\n`,
      'ssb:feed/classic/',
      'ssb:',
      '',
      null,
      7,
    ]
    for (const text of others)
      expect([parseId(text), toUri(text), toSigil(text)]).toEqual([null, null, null])
  })
})

it('toSigil is null for formats without a sigil form', () => {
  expect(toSigil(`ssb:feed/indexed-v1/${safe}`)).toBeNull()
  expect(toUri(`ssb:feed/indexed-v1/${safe}`)).toBe(`ssb:feed/indexed-v1/${safe}`)
})
