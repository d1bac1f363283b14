import { expect, it } from 'vitest'
import { contentOf } from '../src/commands/publish.js'

async function* input(text: string) {
  yield text
}

const content = (words: string[], text = '') => contentOf(words, input(text))

it('makes the content of a message from options, texts as they were typed', async () => {
  expect(await content(['--type', 'post', '--text', '42'])).toEqual({ type: 'post', text: '42' })
  expect(await content(['--type=contact', '--contact', '@a', '--following', 'true'])).toEqual({
    type: 'contact',
    contact: '@a',
    following: true,
  })
})

it('takes the content as JSON', async () => {
  expect(await content(['.'], '{"type":"vote"}')).toEqual({ type: 'vote' })
  expect(await content(['{"type":"vote"}'])).toEqual({ type: 'vote' })
})

it('refuses what is no content with a type', async () => {
  await expect(content([])).rejects.toThrow('publish needs the content as options')
  await expect(content(['hello'])).rejects.toThrow('publish needs the content as options')
  await expect(content(['[1]'])).rejects.toThrow('publish needs the content as options')
  await expect(content(['--text', 'hello'])).rejects.toThrow('publish needs a --type')
  await expect(content(['--type', 'ab'])).rejects.toThrow('publish needs a --type')
})
