import { expect, test } from 'vitest'
import type { ByteDuplex } from '../src/byte-duplex.js'
import { PEER_LIMITS } from '../src/index.js'
import { Outbox, SendAccount } from '../src/outbox.js'
import { UnsentTotal } from '../src/unsent-total.js'

const MIB = 2 ** 20

/** A socket that takes a write when it is told to. */
function connection(total: UnsentTotal) {
  const written: (() => void)[] = []
  const duplex = { write: (_: Uint8Array, done: () => void) => written.push(done) }
  const outbox = new Outbox(duplex as unknown as ByteDuplex, PEER_LIMITS, () => {}, total)
  const streams = Array.from({ length: 8 }, () => new SendAccount())
  return {
    outbox,
    take: () => written.shift()?.(),
    /** As a source does: gives while it may. */
    fill: () => {
      for (const stream of streams) {
        while (outbox.canGive(stream)) outbox.push(new Uint8Array(64 * 1024), stream)
      }
    },
  }
}

test('connections whose peers do not read hold no more together than is allowed, and a little each', () => {
  const total = new UnsentTotal(32 * MIB)
  const all = Array.from({ length: 100 }, () => connection(total))
  for (const { fill } of all) fill()
  expect(total.bytes).toBeGreaterThanOrEqual(32 * MIB)
  expect(total.bytes).toBeLessThanOrEqual(32 * MIB + 100 * MIB * 0.25)
  // The last one goes on all the same, a write at a time.
  const last = all.at(-1)!
  for (let count = 0; count < 20; count++) {
    last.take()
    last.fill()
  }
  expect(last.outbox.sentBytes).toBeGreaterThan(20 * 64 * 1024)
  for (const { outbox } of all) outbox.close()
  expect(total.bytes).toBe(0)
  const next = connection(total)
  next.fill()
  expect(next.outbox.unsentBytes).toBe(8 * MIB)
})
