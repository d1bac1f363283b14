import { decodeBundle, maxBlockMessages } from '@dunbar/archive'
import { blobIdFromBytes, sha256 } from '@dunbar/core'
import { FrameWriter } from '@dunbar/feed'
import { type ClassicMessage, createClassic } from '@dunbar/formats'
import { generatedKeys } from '@dunbar/testkit'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import type { PackedBundle, PackJob } from '../src/archive-work.js'
import { checkBlock, packBundle, readBundle } from '../src/index.js'

// Much is written and packed, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const keys = generatedKeys('bundle packing', 0)

function feedOf(texts: readonly string[]): ClassicMessage[] {
  const messages: ClassicMessage[] = []
  for (const [at, text] of texts.entries()) {
    const last = messages.at(-1)
    const head = last === undefined ? null : { sequence: last.sequence, key: last.key }
    const content = { type: 'post', text }
    messages.push(createClassic({ keys, head, timestamp: 1_700_000_000_000 + at, content }))
  }
  return messages
}

function framesOf(messages: readonly ClassicMessage[]): ArrayBuffer {
  const writer = new FrameWriter()
  for (const { sequence, keyBytes, compact } of messages) {
    writer.push(sequence, 1, keyBytes, compact)
  }
  return writer.finish()
}

function pack(messages: readonly ClassicMessage[], options: Partial<PackJob> = {}) {
  const first = messages[0]!.sequence
  const frames = [framesOf(messages)]
  const job = { author: keys.id, first, frames, dictionaries: [], previous: null }
  return packBundle({ ...job, takesRest: true, ...options })
}

const short = feedOf(Array.from({ length: 1100 }, (_, at) => `message ${at}`))
const long = feedOf(Array.from({ length: 300 }, (_, at) => `${at} ${'words '.repeat(1_150)}`))

const bytesOf = ({ blobs }: PackedBundle, id: string) => blobs.find((blob) => blob.id === id)!.bytes

describe('packing', () => {
  test('gives whole blocks, and the rest where it is wanted', () => {
    expect(pack(short, { takesRest: false })!.blocks).toMatchObject([{ first: 1, last: 1024 }])
    expect(pack(short)!.blocks).toMatchObject([
      { first: 1, last: 1024 },
      { first: 1025, last: 1100 },
    ])
    expect(pack(short.slice(0, maxBlockMessages - 1), { takesRest: false })).toBeNull()
    expect(pack(short.slice(0, maxBlockMessages), { takesRest: false })).not.toBeNull()
  })

  test('ends a block at 1 MiB of text, which counts as whole', () => {
    const { blocks } = pack(long, { takesRest: false })!
    expect(blocks.length).toBe(2)
    expect(blocks[0]!.last).toBeLessThan(150)
    expect(blocks[1]!.first).toBe(blocks[0]!.last + 1)
    expect(pack(long)!.content.last).toBe(300)
  })

  test('gives the same bytes twice, under the ids of the bytes', () => {
    const [one, two] = [pack(short)!, pack(short)!]
    expect(one).toEqual(two)
    for (const { id, bytes } of one.blobs) expect(blobIdFromBytes(sha256(bytes))).toBe(id)
    expect(one.blobs.at(-1)!.id).toBe(one.content.bundle)
  })

  test('adds no dictionary where the one before has all that it needs', () => {
    const before = pack(short.slice(0, 100))!
    const dictionaries = before.dictionaries.map((id) => bytesOf(before, id))
    const { bundle } = before.content
    const after = pack(short.slice(100, 200), { dictionaries, previous: bundle })!
    expect(after.dictionaries).toEqual(before.dictionaries)
    expect(after.blobs).toHaveLength(2)
    expect(blobIdFromBytes(decodeBundle(bytesOf(after, after.content.bundle)).previous!)).toBe(
      bundle,
    )
  })

  test('refuses messages that begin elsewhere, have holes, or are of another feed', () => {
    const packing = (messages: readonly ClassicMessage[], options: Partial<PackJob>) => () =>
      pack(messages, options)
    expect(packing(short.slice(1, 9), { first: 1 })).toThrow("message 1 can't be read")
    const holed = [...short.slice(0, 5), ...short.slice(6, 9)]
    expect(packing(holed, {})).toThrow(
      expect.objectContaining({ code: 'ARCHIVE_BLOCK_NOT_CONSECUTIVE' }),
    )
    const author = generatedKeys('bundle packing', 1).id
    expect(packing(short.slice(0, 5), { author })).toThrow(
      expect.objectContaining({ code: 'ARCHIVE_BLOCK_NOT_CONSECUTIVE' }),
    )
  })
})

describe('checking', () => {
  const packed = pack(short)!
  const view = readBundle({ bytes: bytesOf(packed, packed.content.bundle) })
  const dictionaries = view.dictionaries.map((id) => bytesOf(packed, id))
  const [claim] = view.blocks
  const job = {
    claim: claim!,
    bytes: bytesOf(packed, claim!.blob),
    dictionaries,
    frames: [framesOf(short.slice(0, 1024))],
  }

  test('finds nothing in a true block', () => {
    expect(checkBlock(job)).toBeNull()
  })

  test('finds a block that is another than its bundle says', () => {
    const lies = [
      { first: 2 },
      { last: 1023 },
      { author: generatedKeys('x', 1).id },
      { lastMessage: short[0]!.key },
    ]
    for (const lie of lies) {
      expect(checkBlock({ ...job, claim: { ...job.claim, ...lie } })).toEqual({
        reason: 'ARCHIVE_CLAIM_DIFFERS',
        sequence: null,
      })
    }
  })

  test('finds messages that the log lacks, has more of, or has otherwise', () => {
    const check = (messages: readonly ClassicMessage[]) =>
      checkBlock({ ...job, frames: [framesOf(messages)] })
    expect(check(short.slice(0, 1000))).toEqual({ reason: 'ARCHIVE_NOT_HELD', sequence: 1001 })
    expect(check(short.slice(0, 1025))).toEqual({ reason: 'ARCHIVE_NOT_HELD', sequence: 1025 })
    expect(check([])).toEqual({ reason: 'ARCHIVE_NOT_HELD', sequence: 1 })
    const other = { ...short[7]!, compact: Buffer.from('{"other":"text"}') }
    expect(check([...short.slice(0, 7), other, ...short.slice(8, 1024)])).toEqual({
      reason: 'ARCHIVE_TEXT_DIFFERS',
      sequence: 8,
    })
  })

  test('takes damaged and hostile bytes for a fault, never for a crash', () => {
    expect(checkBlock({ ...job, dictionaries: [] })).toMatchObject({
      reason: 'ARCHIVE_DICTIONARY_MISSING',
    })
    const blobs = packed.blobs.map(({ bytes }) => bytes)
    fc.assert(
      fc.property(
        fc.constantFrom(...blobs),
        fc.nat(),
        fc.nat(255),
        fc.nat(),
        (blob, at, bits, cut) => {
          const damaged = Uint8Array.from(
            blob.subarray(0, cut % 3 === 0 ? cut % blob.length : blob.length),
          )
          if (damaged.length > 0) damaged[at % damaged.length]! ^= bits
          const fault = checkBlock({ ...job, bytes: damaged })
          if (fault !== null) expect(fault.reason).toMatch(/^(ARCHIVE|STREAMVBYTE)_/)
          try {
            readBundle({ bytes: damaged })
          } catch (error) {
            expect(error).toMatchObject({ code: 'ARCHIVE_BUNDLE_REFUSED' })
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})
