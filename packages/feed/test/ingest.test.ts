import { feedIdFromBytes } from '@dunbar/core'
import { describe, expect, test } from 'vitest'
import type { IncomingRun } from '../src/append-run.js'
import { incomingByAuthor, incomingOf } from '../src/ingest.js'
import { IngestWriter } from '../src/ingest-batch.js'
import { Author, pushAll } from './shard-fixture.js'

const all = (run: IncomingRun) => Array.from({ length: run.length }, (_, index) => run.at(index)!)

describe('a batch on its way in', () => {
  const [ada, ben] = [new Author('ada'), new Author('ben')]
  const [a1, a2] = ada.take(2)
  const [b1] = ben.take(1)
  const writer = new IngestWriter(16)
  pushAll(writer, ada, [a2!], 5)
  pushAll(writer, ben, [b1!])
  pushAll(writer, ada, [a1!], 6)
  const batch = writer.finish()

  test('is split by author, the order of each author kept', () => {
    const parts = incomingByAuthor(batch)
    expect(parts.map(({ authorBytes }) => feedIdFromBytes(authorBytes))).toEqual([ada.id, ben.id])
    expect(all(parts[0]!.messages).map(({ receivedMs }) => receivedMs)).toEqual([5, 6])
    expect(all(parts[0]!.messages).map(({ bytes }) => Buffer.from(bytes))).toEqual(
      [a2!, a1!].map(({ compact }) => Buffer.from(compact)),
    )
    expect(parts[1]!.messages).toHaveLength(1)
  })

  test('is read in order, without copies', () => {
    const messages = incomingOf(batch)
    expect(messages.map(({ receivedMs }) => receivedMs)).toEqual([5, Number.NaN, 6])
    for (const { bytes } of messages) expect(bytes.buffer).toBe(batch)
  })

  test('that is empty holds nothing, and one that ends too early is refused', () => {
    expect(incomingOf(new ArrayBuffer(0))).toEqual([])
    expect(incomingByAuthor(new ArrayBuffer(0))).toEqual([])
    for (const cut of [1, 40, 100]) {
      const torn = batch.slice(0, batch.byteLength - cut)
      expect(() => incomingOf(torn)).toThrow(expect.objectContaining({ code: 'FRAME_TORN' }))
    }
  })
})
