import { WireError } from '@dunbar/wire'
import { describe, expect, test } from 'vitest'
import { createSimulation, newThreadLife, SimulatedPipe } from '../src/index.js'

const manners = { delayMs: { min: 1, max: 50 }, maxPieces: 7 }

function pipe(seed = 1) {
  const simulation = createSimulation({ seed })
  const holders = ['one', 'other'].map((name) => ({ name, life: newThreadLife() }))
  const log: string[] = []
  let isOver = false
  const made = new SimulatedPipe({
    simulation,
    manners,
    holders: [holders[0]!, holders[1]!],
    truncation: new WireError('TRUNCATED', 'cut'),
    onWrite: (from, to, bytes) => log.push(`${from.name} to ${to.name}: ${bytes.length}`),
    onClosed: () => {
      isOver = true
    },
  })
  const got: [string, string] = ['', '']
  const [one, other] = made.ends
  made.ends.forEach((end, at) => {
    end.start({
      bytes: (chunk) => {
        got[at as 0 | 1] += chunk.toString()
      },
      end: () => {
        log.push(`${holders[at]!.name} hears the end`)
        end.end()
      },
      broken: ({ code }) => log.push(`${holders[at]!.name} ${code}`),
      close: () => log.push(`${holders[at]!.name} is closed`),
    })
  })
  return { simulation, holders, made, one, other, got, log, isOver: () => isOver }
}

describe('a simulated pipe', () => {
  test('carries bytes in both directions, in order and in pieces', async () => {
    const { simulation, one, other, got, log } = pipe()
    let doneCount = 0
    for (const text of ['first ', 'second ', 'third']) {
      one.write(Buffer.from(text), () => {
        doneCount += 1
      })
    }
    other.write(Buffer.from('back'), () => {})
    await simulation.advance(1_000)
    expect(got).toEqual(['back', 'first second third'])
    expect(doneCount).toBe(3)
    expect(log[0]).toBe('one to other: 6')
  })

  test('holds the writer up while nobody reads', async () => {
    const { simulation, one, other, got } = pipe()
    let isDone = false
    other.pause()
    one.write(Buffer.from('late'), () => {
      isDone = true
    })
    await simulation.advance(1_000)
    expect([isDone, got[1]]).toEqual([false, ''])
    other.resume()
    await simulation.advance(1_000)
    expect([isDone, got[1]]).toEqual([true, 'late'])
  })

  test('is closed when both sides have ended, behind what was written', async () => {
    const { simulation, one, got, log, isOver } = pipe()
    one.write(Buffer.from('goodbye'), () => {})
    one.end()
    await simulation.advance(1_000)
    expect(got[1]).toBe('goodbye')
    expect(log.slice(1).sort()).toEqual([
      'one hears the end',
      'one is closed',
      'other hears the end',
      'other is closed',
    ])
    expect(isOver()).toBe(true)
  })

  test('that is cut tells both sides, and delivers nothing more', async () => {
    const { simulation, made, one, got, log, isOver } = pipe()
    made.cut()
    await simulation.advance(1_000)
    one.write(Buffer.from('too late'), () => {})
    await simulation.advance(1_000)
    expect(got[1]).toBe('')
    expect(log.sort()).toEqual([
      'one TRUNCATED',
      'one is closed',
      'other TRUNCATED',
      'other is closed',
    ])
    expect(isOver()).toBe(true)
  })

  test('with an end that is muted swallows what comes there, and the writer hears nothing', async () => {
    const { simulation, made, one, other, got, log } = pipe()
    made.mute(1)
    one.write(Buffer.from('lost'), () => {})
    other.write(Buffer.from('heard'), () => {})
    await simulation.advance(1_000)
    expect(got).toEqual(['heard', ''])
    expect(log).toEqual(['one to other: 4', 'other to one: 5'])
  })

  test('ends, or falls silent, where a holder is dead', async () => {
    const outcomes = new Set<string>()
    for (let seed = 1; seed <= 20; seed += 1) {
      const { simulation, holders, made, log } = pipe(seed)
      holders[0]!.life.isAlive = false
      made.abandoned()
      await simulation.advance(1_000)
      outcomes.add(log.join(', '))
    }
    expect([...outcomes].sort()).toEqual(['', 'other TRUNCATED, other is closed'])
  })
})
