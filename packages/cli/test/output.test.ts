import { PassThrough, Writable } from 'node:stream'
import { expect, it } from 'vitest'
import { Mistake, OutputClosed } from '../src/mistake.js'
import { Output } from '../src/output.js'

it('waits while the reader is slower', async () => {
  const stream = new PassThrough({ highWaterMark: 4 })
  const output = new Output(stream)
  let isWritten = false
  const written = output.write('more than four').then(() => {
    isWritten = true
  })
  await new Promise(setImmediate)
  expect(isWritten).toBe(false)
  expect(String(stream.read())).toBe('more than four')
  await written
  expect(isWritten).toBe(true)
})

/** A stream whose every write fails. */
function failing(code: string): Writable {
  return new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) => {
      setImmediate(() => done(Object.assign(new Error(code), { code })))
    },
  })
}

it('says when writing failed', async () => {
  const output = new Output(failing('ENOSPC'))
  await expect(output.write('a')).rejects.toThrow(Mistake)
  await expect(output.write('b')).rejects.toThrow("the output can't be written (ENOSPC)")
})

it('ends quietly when the reader has gone away, also one that is waited for', async () => {
  const stream = failing('EPIPE')
  const output = new Output(stream)
  await expect(output.write('a')).rejects.toThrow(OutputClosed)
  expect(output.closed.aborted).toBe(true)
  await expect(output.line('b')).rejects.toThrow(OutputClosed)
  await output.flush()
})

it('has written everything when it is flushed', async () => {
  const seen: string[] = []
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      seen.push(String(chunk))
      setImmediate(done)
    },
  })
  const output = new Output(stream)
  await output.line('a')
  await output.json({ b: 1 })
  await output.flush()
  expect(seen.join('')).toBe('a\n{"b":1}\n')
})
