import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { humanDuration, peersText, publishText } from '../src/commands/status.js'
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

it('says in a word whether the node may publish, and what it waits for where it may not', () => {
  const text = (state: 'safe' | 'recovering' | 'unknown', mark: number | null, claimed: number) =>
    publishText({ state, held: 3, mark, claimed })
  expect(text('safe', 3, 3)).toBe('safe')
  expect(text('unknown', null, 0)).toBe('unknown')
  expect(text('recovering', 5, 4)).toBe('recovering: 3 of at least 5 own messages are here')
  expect(text('recovering', null, 1200)).toBe(
    'recovering: 3 of at least 1,200 own messages are here',
  )
  expect(text('recovering', 3, 3)).toBe(
    'recovering: peers have not confirmed yet that all own messages are here',
  )
  expect(publishText(null)).toBe('unknown')
})

it('says how many peers are connected, and what they have that is not here', () => {
  const peer = { id: '@a' as never, address: 'net:a', state: 'connected' }
  const peers = [peer, { ...peer, state: 'connecting' }]
  const replication = { feeds: 9, behind: 0, missing: 0 }
  expect(peersText({ address: null, peers, replication })).toBe('1 connected')
  expect(
    peersText({ address: null, peers, replication: { feeds: 9, behind: 2, missing: 1500 } }),
  ).toBe('1 connected; 1,500 messages of 2 feeds are to come')
})
