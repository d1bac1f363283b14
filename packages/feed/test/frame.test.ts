import { describe, expect, it } from 'vitest'
import {
  DAMAGED,
  FRAME_HEADER_BYTES,
  FrameReader,
  FrameWriter,
  frameKey,
  frameMessage,
  frameReceived,
  frameSequence,
  isWholeFrame,
  MAX_MESSAGE_BYTES,
  makeFrame,
  probeFrame,
  TORN,
  viewOf,
} from '../src/frame.js'

const key = new Uint8Array(32).fill(9)
const message = new Uint8Array(Buffer.from('{"a":1}'))

describe('a frame', () => {
  it('holds what was put in, in the documented places', () => {
    const frame = makeFrame(5, 1234.5, key, message)
    expect(frame.length).toBe(FRAME_HEADER_BYTES + message.length)
    expect(viewOf(frame).getUint32(0, true)).toBe(message.length)
    expect(viewOf(frame).getUint32(8, true)).toBe(5)
    expect(viewOf(frame).getFloat64(12, true)).toBe(1234.5)
    expect([frameSequence(frame), frameReceived(frame)]).toEqual([5, 1234.5])
    expect(frameKey(frame)).toEqual(key)
    expect(frameMessage(frame)).toEqual(message)
    expect(isWholeFrame(frame)).toBe(true)
  })

  it('is not whole with any one bit turned', () => {
    const frame = makeFrame(5, 1234.5, key, message)
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const turned = frame.slice()
      turned[bit >> 3]! ^= 1 << (bit & 7)
      expect(isWholeFrame(turned), `bit ${bit}`).toBe(false)
    }
  })

  it('is torn at every cut', () => {
    const frame = makeFrame(5, 1234.5, key, message)
    for (let end = 0; end < frame.length; end++) {
      expect(probeFrame(frame, viewOf(frame), 0, end)).toBe(TORN)
    }
  })

  it('is damaged where a field can not be right', () => {
    expect(probeFrame(new Uint8Array(100), viewOf(new Uint8Array(100)), 0)).toBe(DAMAGED)
    expect(isWholeFrame(makeFrame(0, 1, key, message))).toBe(false)
    expect(isWholeFrame(makeFrame(2 ** 31, 1, key, message))).toBe(false)
    expect(isWholeFrame(makeFrame(1, Number.NaN, key, message))).toBe(false)
  })
})

describe('a batch of frames', () => {
  it('gives back frame by frame what a writer took', () => {
    const writer = new FrameWriter(16)
    for (let sequence = 1; sequence <= 100; sequence++) {
      writer.push(sequence, sequence + 0.25, key, new Uint8Array(sequence).fill(sequence))
    }
    const batch = writer.finish()
    expect(writer.sizeBytes).toBe(0)
    const reader = new FrameReader(batch)
    for (let sequence = 1; sequence <= 100; sequence++) {
      expect(reader.next()).toBe(true)
      expect([reader.sequence, reader.received]).toEqual([sequence, sequence + 0.25])
      expect(reader.keyBytes).toEqual(key)
      expect(reader.message).toEqual(new Uint8Array(sequence).fill(sequence))
      expect(isWholeFrame(reader.frame)).toBe(true)
    }
    expect(reader.next()).toBe(false)
    expect(reader.next()).toBe(false)
  })

  it('is memory of its own, as long as its frames', () => {
    const writer = new FrameWriter(1 << 20)
    writer.push(1, 1, key, message)
    expect(writer.finish().byteLength).toBe(FRAME_HEADER_BYTES + message.length)
  })

  it('refuses messages that no frame can hold', () => {
    const writer = new FrameWriter()
    const refusal = expect.objectContaining({ code: 'FRAME_TOO_LARGE' })
    expect(() => writer.push(1, 1, key, new Uint8Array(0))).toThrow(refusal)
    expect(() => writer.push(1, 1, key, new Uint8Array(MAX_MESSAGE_BYTES + 1))).toThrow(refusal)
    writer.push(1, 1, key, new Uint8Array(MAX_MESSAGE_BYTES))
  })

  it('says with a code where bytes end within a frame', () => {
    const frame = makeFrame(1, 1, key, message)
    for (let end = 1; end < frame.length; end++) {
      const reader = new FrameReader(frame.slice(0, end))
      expect(() => reader.next()).toThrow(expect.objectContaining({ code: 'FRAME_TORN' }))
    }
  })
})
