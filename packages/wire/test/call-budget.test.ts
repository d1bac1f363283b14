import { expect, it } from 'vitest'
import { CallBudget } from '../src/call-budget.js'
import { ManualTime } from './manual-time.js'

function spent(budget: CallBudget, count: number): CallBudget {
  for (let i = 0; i < count; i++) budget.spend()
  return budget
}

it('asks for no wait up to a burst, and for what the rate takes beyond it', () => {
  const time = new ManualTime()
  const budget = new CallBudget(200, 400, time)
  expect(spent(budget, 400).debtMs()).toBe(0)
  expect(spent(budget, 100).debtMs()).toBe(500)
  time.advance(499)
  expect(budget.debtMs()).toBeGreaterThan(0)
  time.advance(1)
  expect(budget.debtMs()).toBe(0)
  expect(spent(budget, 1).debtMs()).toBe(5)
})

it('saves no more than a burst', () => {
  const time = new ManualTime()
  const budget = spent(new CallBudget(200, 400, time), 400)
  time.advance(3_600_000)
  expect(budget.debtMs()).toBe(0)
  expect(spent(budget, 402).debtMs()).toBe(10)
})
