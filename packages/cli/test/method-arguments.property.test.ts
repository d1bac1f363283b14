import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { methodArguments, parseMethodArguments } from '../src/method-arguments.js'

const word = fc
  .stringMatching(/^[a-z%@][a-zA-Z0-9+/=.]{0,20}$/)
  .filter((one) => !/^(true|false)$/.test(one))
const name = fc.stringMatching(/^[a-z][a-zA-Z]{0,8}$/).filter((one) => !one.startsWith('no'))
const value = fc.oneof(
  word,
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
)

async function* bytes(text: string) {
  yield Buffer.from(text)
}

const parsed = async (words: readonly string[], input = '') =>
  methodArguments(parseMethodArguments(words), bytes(input))

describe('the words behind a method', () => {
  it('become the arguments and the options that they were made from', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(value),
        fc.dictionary(name, value, { noNullPrototype: true }),
        fc.boolean(),
        async (args, options, hasEquals) => {
          const words = args.map(String)
          for (const [option, given] of Object.entries(options)) {
            if (hasEquals) words.push(`--${option}=${given}`)
            else words.push(`--${option}`, String(given))
          }
          const expected = Object.keys(options).length > 0 ? [...args, options] : args
          // -0 is printed as 0.
          expect(JSON.stringify(await parsed(words))).toBe(JSON.stringify(expected))
        },
      ),
    )
  })

  it('never end in anything but arguments or a mistake', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string()), async (words) => {
        const args = await parsed(words, '{}').catch((error: Error) => error.message)
        expect(Array.isArray(args) || /name of an option/.test(String(args))).toBe(true)
        expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
      }),
      { examples: [[['--__proto__.polluted', '1']], [['--constructor.prototype.polluted=1']]] },
    )
  })
})
