import { blobIdFromBytes, feedIdFromBytes, messageKeyFromBytes, sha256 } from '@dunbar/core'
import { describe, expect, it } from 'vitest'
import {
  archiveMismatch,
  type Bundle,
  encodeBundle,
  makeArchiveContent,
  maxBlobSizeBytes,
  parseArchiveContent,
} from '../src/index.js'

const hash = (name: string) => new Uint8Array(sha256(Buffer.from(name)))
const alice = feedIdFromBytes(hash('alice'))
const bob = feedIdFromBytes(hash('bob'))

const bundleOf = (author = alice): Bundle => ({
  previous: null,
  blocks: [
    {
      blobId: hash('block'),
      sizeBytes: 4711,
      sketch: {
        author,
        length: 20,
        firstSequence: 1,
        firstTimestamp: 1,
        lastTimestamp: 2,
        minTimestamp: 1,
        maxTimestamp: 2,
        previousHash: null,
        lastHash: hash('message 20'),
      },
    },
  ],
  dictionaries: [],
})

describe('the content of an archive message', () => {
  const bundle = bundleOf()
  const blob = encodeBundle(bundle)
  const content = makeArchiveContent(alice, bundle, blob)

  it('names the bundle, its size and its messages', () => {
    expect(JSON.stringify(content)).toBe(
      `{"type":"archive","version":1,"bundle":"${blobIdFromBytes(blob.blobId)}",` +
        `"size":${blob.bytes.length},"first":1,"last":20,` +
        `"lastMessage":"${messageKeyFromBytes(hash('message 20'))}"}`,
    )
  })

  it('is read back, without what else stands beside it', () => {
    expect(parseArchiveContent({ ...content, more: [1] })).toEqual(content)
  })

  it('is only made of messages of the author', () => {
    expect(() => makeArchiveContent(bob, bundle, blob)).toThrow(RangeError)
    const mixed = { ...bundle, blocks: [...bundle.blocks, ...bundleOf(bob).blocks] }
    expect(() => makeArchiveContent(alice, mixed, blob)).toThrow(RangeError)
  })

  const bad: Readonly<Record<string, unknown>> = {
    'a private content': 'abc.box',
    nothing: null,
    'an array': [content],
    'a post': { ...content, type: 'post' },
    'a later version': { ...content, version: 2 },
    'a version as text': { ...content, version: '1' },
    'a message as bundle': { ...content, bundle: content.lastMessage },
    'a bundle with a key': { ...content, bundle: `${content.bundle}?unbox=x` },
    'a bundle of no size': { ...content, size: 0 },
    'a bundle that is no blob': { ...content, size: maxBlobSizeBytes + 1 },
    'half a sequence': { ...content, last: 20.5 },
    'a range that runs backwards': { ...content, first: 21 },
    'a range from 0': { ...content, first: 0 },
    'a range without end': { ...content, last: Number.POSITIVE_INFINITY },
    'a range beyond the last sequence': { ...content, last: 2 ** 30 },
    'a feed as last message': { ...content, lastMessage: alice },
  }
  for (const [name, value] of Object.entries(bad)) {
    it(`is not ${name}`, () => {
      expect(parseArchiveContent(value)).toBeNull()
    })
  }

  it('is compared with the bundle that comes for it', () => {
    expect(archiveMismatch(alice, content, bundle)).toBeNull()
    expect(archiveMismatch(bob, content, bundle)).toBe('other-author')
    const mixed = { ...bundle, blocks: [...bundle.blocks, ...bundleOf(bob).blocks] }
    expect(archiveMismatch(alice, content, mixed)).toBe('other-author')
    expect(archiveMismatch(alice, { ...content, last: 21 }, bundle)).toBe('other-range')
    const lastMessage = messageKeyFromBytes(hash('message 21'))
    expect(archiveMismatch(alice, { ...content, lastMessage }, bundle)).toBe('other-last-message')
  })
})
