import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FrameReader, HEADER_BYTES } from '../src/frame.js'
import { MessageBatch, type MessageShape, type StoredMessage } from '../src/message-batch.js'

interface Told {
  readonly key: Uint8Array
  readonly value: string
  readonly received: number
  readonly meta: string | null
}

const told: fc.Arbitrary<Told> = fc.record({
  key: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  value: fc.json(),
  received: fc.oneof(
    fc.integer({ min: 0, max: 2 ** 40 + 2 ** 39 }),
    fc.constantFrom(0, -0, 9_999_999, 10_000_000, 99_999_999_999_999, 100_000_000_000_000),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  ),
  meta: fc.option(fc.json()),
})

it('sends what strings put together would say, in each shape', () => {
  const shapes = fc.constantFrom(
    { keys: true, values: true },
    { keys: true, values: false },
    { keys: false, values: true },
  )
  fc.assert(
    fc.property(fc.array(told), shapes, (messages, shape) => {
      const batch = new MessageBatch(shape)
      for (const message of messages) batch.push(stored(message), message.meta)
      batch.pushJson({ sent: 'as it stands' })
      const expected = messages.map((message) => slowly(message, shape))
      expect(bodiesOf(batch.finish().frames(7))).toEqual([...expected, '{"sent":"as it stands"}'])
      expect(batch.count).toBe(0)
    }),
  )
})

/** The message behind its key, with others' bytes around both. */
function stored({ key, value, received }: Told): StoredMessage {
  const before = Buffer.from('before')
  const bytes = Buffer.concat([before, key, Buffer.from(value), Buffer.from('behind')])
  const messageStart = before.length + key.length
  const messageEnd = messageStart + Buffer.byteLength(value)
  return { bytes, keyStart: before.length, messageStart, messageEnd, received }
}

function slowly({ key, value, received, meta }: Told, { keys, values }: MessageShape): string {
  const id = `"%${Buffer.from(key).toString('base64')}.sha256"`
  if (!values) return id
  if (!keys) return value
  const about = meta === null ? '' : `,"meta":${meta}`
  return `{"key":${id},"value":${value},"timestamp":${received}${about}}`
}

function bodiesOf(frames: Buffer): string[] {
  const bodies: string[] = []
  const reader = new FrameReader({
    judge: () => 'take',
    frame: (_flags, _number, bytes, start, end) => {
      expect(start).toBeGreaterThanOrEqual(HEADER_BYTES)
      bodies.push(bytes.toString('utf8', start, end))
    },
    goodbye: () => bodies.push('goodbye'),
  })
  reader.push(frames)
  return bodies
}
