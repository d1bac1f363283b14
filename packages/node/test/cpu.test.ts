import { createKernel, supervisor, systemPorts } from '@dunbar/actor'
import { packBundle } from '@dunbar/archiver'
import { generateKeys, sign } from '@dunbar/core'
import { CPU_ACTOR_NAME, encodeSignatureBatch, FrameWriter } from '@dunbar/feed'
import { type ClassicMessage, createClassic } from '@dunbar/formats'

import { expect, onTestFinished, test, vi } from 'vitest'
// The pool starts compiled threads, which it finds from where it is compiled itself.
import { cpuPool } from '../dist/cpu.js'

// Much is written and packed, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const keys = generateKeys()
const messages: ClassicMessage[] = []
for (let at = 0; at < 2_000; at++) {
  const content = { type: 'post', text: `message ${at}` }
  messages.push(createClassic({ keys, head: messages.at(-1) ?? null, timestamp: at + 1, content }))
}

function framesOf(): ArrayBuffer {
  const writer = new FrameWriter()
  for (const { sequence, keyBytes, compact } of messages) {
    writer.push(sequence, 1, keyBytes, compact)
  }
  return writer.finish()
}

/** Asks a pool of one thread. */
async function pool() {
  const kernel = createKernel({ ports: systemPorts({ log: () => undefined }), place: () => null })
  await kernel.start(supervisor({ name: 'root', children: [cpuPool(1)] }))
  onTestFinished(() => kernel.stop())
  return (call: object) => kernel.router.call(CPU_ACTOR_NAME, call, { deadlineMs: 60_000 })
}

const packing = (frames: ArrayBuffer, limitMs: number) => ({
  op: 'archive',
  task: 'packBundle',
  job: {
    author: keys.id,
    first: 1,
    frames: [frames],
    dictionaries: [],
    previous: null,
    takesRest: true,
  },
  buffers: [frames],
  limitMs,
})

test('the pool packs as this thread does, and tells the codes of errors', async () => {
  const ask = await pool()
  const { job } = packing(framesOf(), 60_000)
  expect(await ask(packing(framesOf(), 60_000))).toEqual(packBundle(job))
  const wrong = packing(framesOf(), 60_000)
  await expect(ask({ ...wrong, job: { ...wrong.job, first: 2 } })).rejects.toMatchObject({
    code: 'ARCHIVE_FEED_DAMAGED',
    data: { sequence: 2 },
  })
  await expect(
    ask({
      op: 'archive',
      task: 'readBundle',
      job: { bytes: new Uint8Array(9) },
      buffers: [],
      limitMs: 60_000,
    }),
  ).rejects.toMatchObject({ code: 'ARCHIVE_BUNDLE_REFUSED' })
})

test('work that takes too long loses its thread, and the next task gets another one', async () => {
  const ask = await pool()
  await expect(ask(packing(framesOf(), 1))).rejects.toMatchObject({ code: 'ARCHIVE_WORK_TIMEOUT' })
  const signed = Buffer.from('a message')
  const signature = sign(signed, keys.secretKey)
  const batch = encodeSignatureBatch(keys.publicKey, [{ signed, signature }])
  expect(await ask({ op: 'verify', batch })).toEqual(Uint8Array.of(1))
  await expect(ask({ op: 'else' })).rejects.toMatchObject({ code: 'UNKNOWN_CALL' })
})
