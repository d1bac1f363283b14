import { messageKeyFromBytes } from '@dunbar/core'
import { type FrameBatch, FrameReader } from '@dunbar/feed'

/** One message with key, value and arrival, as JSON text. */
export function messageJson(batch: FrameBatch): string {
  const frame = new FrameReader(batch)
  frame.next()
  const value = Buffer.from(frame.message).toString()
  const key = messageKeyFromBytes(frame.keyBytes)
  return `{"key":"${key}","value":${value},"timestamp":${frame.received}}`
}

/** The message alone, parsed. */
export function messageValue(batch: FrameBatch): Record<string, unknown> {
  const frame = new FrameReader(batch)
  frame.next()
  return JSON.parse(Buffer.from(frame.message).toString())
}
