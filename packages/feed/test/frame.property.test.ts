import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameReader, isWholeFrame, probeFrame, viewOf } from '../src/frame.js'
import { IngestReader, IngestWriter } from '../src/ingest-batch.js'

const isCoded = (error: unknown): boolean => (error as { code?: string }).code === 'FRAME_TORN'

describe('bytes from a hostile place', () => {
  it('lead to a value or a coded error, never to anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(isWholeFrame(bytes)).toBe(false)
        for (let at = 0; at <= bytes.length; at++) {
          expect(probeFrame(bytes, viewOf(bytes), at)).toBeLessThanOrEqual(0)
        }
        for (const reader of [
          new FrameReader(bytes),
          new IngestReader(new Uint8Array(bytes).buffer),
        ]) {
          try {
            while (reader.next());
          } catch (error) {
            expect(isCoded(error)).toBe(true)
          }
        }
      }),
    )
  })
})

describe('an ingest batch', () => {
  it('gives back what was put in, in order', () => {
    const entry = fc.record({
      received: fc.oneof(fc.constant(Number.NaN), fc.double({ noNaN: true })),
      author: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      message: fc.uint8Array({ minLength: 1, maxLength: 200 }),
    })
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        const writer = new IngestWriter(8)
        for (const { received, author, message } of entries) writer.push(received, author, message)
        expect(writer.messageCount).toBe(entries.length)
        const reader = new IngestReader(writer.finish())
        for (const { received, author, message } of entries) {
          expect(reader.next()).toBe(true)
          expect(reader.received).toBe(received)
          expect(reader.authorBytes).toEqual(author)
          expect(reader.message).toEqual(message)
        }
        expect(reader.next()).toBe(false)
        expect(writer.sizeBytes).toBe(0)
      }),
    )
  })

  it('refuses messages beyond the bound', () => {
    const refusal = expect.objectContaining({ code: 'FRAME_TOO_LARGE' })
    const author = new Uint8Array(32)
    expect(() => new IngestWriter().push(1, author, new Uint8Array(65_537))).toThrow(refusal)
    expect(() => new IngestWriter().push(1, author, new Uint8Array(0))).toThrow(refusal)
  })
})
