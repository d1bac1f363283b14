import { isBlobId, isFeedId, isMessageKey, parseId, toSigil, toUri } from '@dunbar/core'
import { describe, expect, it } from 'vitest'
import { readVectors } from './vectors.js'

interface RefCase {
  readonly input: unknown
  readonly isFeed: boolean
  readonly isMsg: boolean
  readonly isBlob: boolean
}
interface UriCase {
  readonly uri: string
  readonly sigil: string | null
  readonly decompose: { readonly type: string; readonly format: string } | null
  readonly true: readonly string[]
}

describe('ids, as ssb-ref tells them', () => {
  const { cases } = readVectors<{ cases: RefCase[] }>('refs.json')

  it.each(cases)('$input', ({ input, isFeed, isMsg, isBlob }) => {
    // ssb-ref still takes the historic suffix, under which nothing can be verified.
    const isHistoric = typeof input === 'string' && /^@.*\.sha256$/.test(input)
    expect(isFeedId(input)).toBe(isFeed && !isHistoric)
    expect(isMessageKey(input)).toBe(isMsg)
    expect(isBlobId(input)).toBe(isBlob)
  })
})

describe('URIs, as ssb-uri2 reads and writes them', () => {
  const vectors = readVectors<{
    fromSigil: { readonly sigil: string; readonly uri: string }[]
    cases: UriCase[]
  }>('uri.json')

  it.each(vectors.fromSigil)('$sigil', ({ sigil, uri }) => {
    expect(toUri(sigil)).toBe(uri)
    expect(toSigil(uri)).toBe(sigil)
    expect(parseId(uri)?.id).toBe(sigil)
  })

  it.each(vectors.cases)('$uri', ({ uri, sigil, decompose, true: claims }) => {
    expect(toSigil(uri)).toBe(sigil)
    const parsed = parseId(uri)
    const isFeed = claims.includes('isFeedSSBURI')
    const isMessage = claims.includes('isMessageSSBURI')
    const isBlob = claims.includes('isClassicBlobSSBURI')
    expect(parsed?.kind ?? null).toBe(
      isFeed ? 'feed' : isMessage ? 'message' : isBlob ? 'blob' : null,
    )
    if (parsed !== null && decompose !== null) {
      expect([parsed.kind, parsed.format]).toEqual([decompose.type, decompose.format])
    }
    if (parsed !== null && sigil === null) expect(parsed.id).toBe(uri)
  })
})
