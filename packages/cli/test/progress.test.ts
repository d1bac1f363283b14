import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { createProgress } from '../src/progress.js'

/** A stream that says whether it is a terminal. */
function terminal(isTTY: boolean) {
  const stream = Object.assign(new PassThrough(), {
    isTTY,
    columns: 80,
    cursorTo: () => true,
    clearLine: () => true,
  })
  return {
    stream: stream as unknown as NodeJS.WriteStream,
    text: () => String(stream.read() ?? ''),
  }
}

it('shows a bar to a person and takes it away at the end', async () => {
  const { stream, text } = terminal(true)
  const progress = await createProgress('import', stream)
  progress.update(0, 10, '0 messages')
  progress.update(5, 10, '5 messages')
  progress.update(12, 10, '12 messages')
  progress.end()
  expect(text()).toContain('import ')
})

it('says nothing where no person reads', async () => {
  const { stream, text } = terminal(false)
  const progress = await createProgress('import', stream)
  progress.update(5, 10, '5 messages')
  progress.end()
  expect(text()).toBe('')
})
