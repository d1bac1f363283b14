import { expect, test } from 'vitest'
import { Conduct, type Offence } from '../src/conduct.js'
import { REPLICATION_LIMITS } from '../src/limits.js'

function observed() {
  const time = { ms: 0 }
  const offences: Offence[] = []
  const conduct = new Conduct({
    limits: {
      ...REPLICATION_LIMITS,
      uselessItems: 2,
      knownItems: 3,
      refusedItems: 1,
      notes: 10,
      begunSessions: 2,
      askedClocks: 1,
    },
    now: () => time.ms,
    onOffence: (offence) => offences.push(offence),
  })
  return { time, offences, conduct }
}

test('what may happen so often a minute is an offence beyond that, each by itself', () => {
  const { time, offences, conduct } = observed()
  for (let count = 0; count < 2; count++) conduct.useless()
  for (let count = 0; count < 3; count++) conduct.known()
  conduct.refused()
  conduct.notes(10)
  expect(offences).toEqual([])
  conduct.useless()
  conduct.known()
  conduct.refused()
  conduct.notes(1)
  expect(offences).toEqual(['useless-items', 'known-messages', 'refused-messages', 'many-notes'])
  time.ms = 60_001
  conduct.useless()
  conduct.notes(10)
  expect(offences).toHaveLength(4)
  expect(conduct.uselessCount).toBe(8)
})

test('a frame of notes that names nobody counts as one', () => {
  const { offences, conduct } = observed()
  for (let count = 0; count < 11; count++) conduct.notes(0)
  expect(offences).toEqual(['many-notes'])
})

test('sessions and clocks are given so often a minute', () => {
  const { time, offences, conduct } = observed()
  expect([conduct.mayBegin(), conduct.mayBegin(), conduct.mayBegin()]).toEqual([true, true, false])
  expect([conduct.mayAskForClock(), conduct.mayAskForClock()]).toEqual([true, false])
  time.ms = 60_001
  expect(conduct.mayBegin() && conduct.mayAskForClock()).toBe(true)
  expect(offences).toEqual([])
})
