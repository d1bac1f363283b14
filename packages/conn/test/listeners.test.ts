import { expect, test } from 'vitest'
import { Listeners } from '../src/listeners.js'

test('a listener that leaves while it is told is told nothing more', () => {
  const listeners = new Listeners<number>()
  const heard: number[] = []
  const leave = listeners.add((event) => {
    heard.push(event)
    leave()
  })
  listeners.tell(1)
  listeners.tell(2)
  expect(heard).toEqual([1])
})
