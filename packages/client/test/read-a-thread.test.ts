import { expect, it } from 'vitest'
import { readAThread } from '../../../docs/examples/read-a-thread.js'
import { MemoryNode } from './memory-node.js'

it('the example begins a thread, reads it and follows it', async () => {
  const node = await MemoryNode.start()
  const lines: string[] = []
  await readAThread(node.path, (line) => lines.push(line))
  expect(lines).toEqual([
    'I am @me.ed25519',
    'The thread so far:',
    '  Is anybody here?',
    '  I am.',
    'What comes in:',
    '  And another one.',
  ])
  expect(node.messages.map(({ value }) => value.content.branch ?? [])).toEqual([[], ['%1'], ['%2']])
})
