import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

test('the example of the README prints what it says', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const example = /```js\n(.*?)```/s.exec(readme)![1]!
  const promised = [...example.matchAll(/\) \/\/ (.*)/g)].map((match) => match[1])
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', example], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  })
  expect(promised.length).toBe(5)
  expect(printed.trim().split('\n')).toEqual(promised)
})
