import { describe, expect, it } from 'vitest'
import {
  methodArguments,
  parseMethodArguments,
  takeCommonOptions,
} from '../src/method-arguments.js'

async function* bytes(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text)
}

const parsed = (line: string, ...input: string[]) =>
  methodArguments(parseMethodArguments(line === '' ? [] : line.split(' ')), bytes(...input))

describe('the words behind a method', () => {
  it.each([
    ['', []],
    ['%abc=.sha256', ['%abc=.sha256']],
    ['@a 5 true', ['@a', 5, true]],
    ['--limit 1 --reverse', [{ limit: 1, reverse: true }]],
    ['--reverse --limit=1', [{ limit: 1, reverse: true }]],
    ['--no-keys --live false', [{ keys: false, live: false }]],
    ['--gt -5 --lt -0.5', [{ gt: -5, lt: -0.5 }]],
    ['--query.value.type post', [{ query: { value: { type: 'post' } } }]],
    ['--id a --id b --id c', [{ id: ['a', 'b', 'c'] }]],
    ['{"root":"%a"}', [{ root: '%a' }]],
    ['--query [{"$filter":{}}]', [{ query: [{ $filter: {} }] }]],
    ['{no-json', ['{no-json']],
    ['a -- --config 1', ['a']],
    ['-n 3', [{ n: 3 }]],
    ['--n 0x10', [{ n: 16 }]],
  ])('%j become the arguments %j', async (line, args) => {
    expect(await parsed(line)).toEqual(args)
  })

  it('take JSON from the standard input for a dot', async () => {
    expect(await parsed('. --private', '{"type":', '"post"}')).toEqual([
      { type: 'post' },
      { private: true },
    ])
    await expect(parsed('.', 'no json')).rejects.toThrow('the standard input is no JSON')
  })

  it('make options named __proto__ and constructor plain members', async () => {
    const [options] = await parsed('--__proto__.polluted 1 --constructor.prototype.polluted 2')
    expect(JSON.stringify(options)).toBe(
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":2}}}',
    )
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  it('leave the values of texts as they are', () => {
    const texts = new Set(['text'])
    const { options } = parseMethodArguments(['--text', '-1e3', '--n', '1', '--text=true'], texts)
    expect(options).toEqual({ text: ['-1e3', 'true'], n: 1 })
    expect(parseMethodArguments(['--text', '- a list'], texts).options).toEqual({
      text: '- a list',
    })
  })

  it('are refused where an option has no name', () => {
    expect(() => parseMethodArguments(['--a..b', '1'])).toThrow(
      '--a..b is not the name of an option',
    )
  })
})

describe('options that every command knows', () => {
  it('are found wherever they stand', () => {
    expect(takeCommonOptions(['--path', '/a', 'get', '--json', '%x', '--path=/b'])).toEqual({
      path: '/b',
      isJson: true,
      isHelp: false,
      rest: ['get', '%x'],
    })
    expect(takeCommonOptions(['get', '-h']).isHelp).toBe(true)
    expect(takeCommonOptions(['a', '--', '--json']).isJson).toBe(false)
  })

  it('need a folder behind --path', () => {
    expect(() => takeCommonOptions(['feeds', '--path'])).toThrow('--path needs a folder')
    expect(() => takeCommonOptions(['feeds', '--path='])).toThrow('--path needs a folder')
  })
})
