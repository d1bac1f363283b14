import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { humanDuration } from '../src/commands/status.js'
import { Output } from '../src/output.js'
import { grouped, humanBytes, printPairs, printTable } from '../src/table.js'

function capture() {
  const stream = new PassThrough()
  return { output: new Output(stream), text: () => String(stream.read() ?? '') }
}

it('prints numbers for people', () => {
  expect([0, 999, 1000, 1234567].map(grouped)).toEqual(['0', '999', '1,000', '1,234,567'])
  expect([0, 1023, 1024, 1.5 * 2 ** 20, 2 ** 60].map(humanBytes)).toEqual([
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 MiB',
    '1048576.0 TiB',
  ])
  expect([0, 59, 61, 3600, 90_000, 200_000].map(humanDuration)).toEqual([
    '0 s',
    '59 s',
    '1 min 1 s',
    '1 h 0 min',
    '1 d 1 h',
    '2 d 7 h',
  ])
})

it('sets the columns of a table below their titles, numbers to the right', async () => {
  const { output, text } = capture()
  const columns = [{ title: 'feed' }, { title: 'messages', isNumber: true }]
  await printTable(output, columns, [
    ['@long', '1'],
    ['@a', '12,345'],
  ])
  expect(text()).toBe('feed   messages\n@long         1\n@a       12,345\n')
})

it('sets values below each other', async () => {
  const { output, text } = capture()
  await printPairs(output, [
    ['id', '@a'],
    ['socket', '/s'],
  ])
  expect(text()).toBe('id      @a\nsocket  /s\n')
})
