import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeFrame } from '../src/frame.js'
import { ReceivedBatch } from '../src/received.js'

const JSON_ITEM = 10

/** A batch of these bodies, as they would have come from the wire. */
function batchOf(bodies: readonly Buffer[], flags = JSON_ITEM, behind = 0): ReceivedBatch {
  const frames = bodies.map((body) => encodeFrame(flags, -1, body))
  const bytes = Buffer.concat([...frames, Buffer.alloc(behind, 0x7b)])
  const batch = new ReceivedBatch(bytes, 64)
  let at = 0
  for (const body of bodies) {
    batch.add(flags & 3, at + 9, at + 9 + body.length)
    at += 9 + body.length
  }
  return batch
}

describe('ReceivedBatch', () => {
  it('parses every item, more than once, and leaves the bytes as they are', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { minLength: 1 }), fc.nat(20), (values, behind) => {
        const bodies = values.map((value) => Buffer.from(JSON.stringify(value)))
        const batch = batchOf(bodies, JSON_ITEM, behind)
        const expected = bodies.map((body) => JSON.parse(body.toString()))
        expect(batch.parse()).toEqual(expected)
        expect(batch.parse()).toEqual(expected)
        expect(batch.lines().toString()).toBe(bodies.map((body) => `${body}\n`).join(''))
        expect(bodies.map((_, index) => batch.body(index))).toEqual(bodies)
      }),
    )
  })

  it('never takes two halves for a whole', () => {
    const halves = [Buffer.from('{"a":1'), Buffer.from('"b":2}'), Buffer.from('3')]
    expect(() => batchOf(halves).parse()).toThrow(expect.objectContaining({ code: 'BAD_JSON' }))
  })

  it('refuses an item that is nested too deeply among good ones', () => {
    const deep = Buffer.from(`${'['.repeat(65)}${']'.repeat(65)}`)
    const batch = batchOf([Buffer.from('1'), deep])
    expect(() => batch.parse()).toThrow(expect.objectContaining({ code: 'BAD_JSON' }))
  })

  it('gives strings and bytes as they are', () => {
    expect(batchOf([Buffer.from('é'), Buffer.from('[')], 9).parse()).toEqual(['é', '['])
    expect(batchOf([Buffer.from([1, 2])], 8).parse()).toEqual([Buffer.from([1, 2])])
  })
})
