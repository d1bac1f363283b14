import { CodedError } from '@dunbar/core'
import { describe, expect, it } from 'vitest'
import { actor, type Chunk, type Cursor, noReply, supervisor } from '../src/index.js'
import { Journal, outcome, probe, simulatedKernel } from './simulated-kernel.js'

/** An actor whose streams give numbers that casts bring, and counts what was pulled. */
async function source() {
  const journal = new Journal()
  const numbers: number[] = []
  const waiting = new Set<number>()
  const pulls = { count: 0, closed: 0 }
  const behaviour = probe(journal, {
    openStream(request, streamId): Cursor {
      const {
        upTo = Number.POSITIVE_INFINITY,
        refuse,
        isSlow,
      } = request as unknown as {
        upTo?: number
        refuse?: Error
        isSlow?: boolean
      }
      if (refuse !== undefined) throw refuse
      let at = 0
      const pull = (): Chunk | 'wait' | 'end' => {
        if (at >= upTo) return 'end'
        const value = numbers[at]
        if (value === undefined) {
          waiting.add(streamId)
          return 'wait'
        }
        if (value === -1) throw new CodedError('BAD_PAGE', 'damaged')
        if (value === -2) throw new Error('broken invariant')
        at += 1
        pulls.count += 1
        return { value }
      }
      return {
        pull: () => (isSlow === true ? Promise.resolve().then(pull) : pull()),
        close: () => {
          waiting.delete(streamId)
          pulls.closed += 1
        },
      }
    },
    handleCast(cast) {
      numbers.push(...(cast as number[]))
      const wake = [...waiting]
      waiting.clear()
      return wake.length === 0 ? noReply() : { wake }
    },
  })
  const world = simulatedKernel()
  const { simulation, kernel } = world
  await simulation.run(
    kernel.start(
      supervisor({ name: 'root', children: [actor({ name: 's', behaviour, arg: null })] }),
    ),
  )
  const give = async (...values: number[]) => {
    kernel.router.cast('s', values)
    await simulation.runUntilIdle()
  }
  const open = (request: object = {}, options = {}) =>
    kernel.router.stream<number>('s', request, options)
  const read = (stream: AsyncIterator<number>) => simulation.run(stream.next())
  const openStreams = () =>
    (kernel.inspect().tree as { children?: { openStreams: number }[] }).children?.[0]?.openStreams
  return { ...world, journal, give, open, read, pulls, openStreams }
}

describe('reading', () => {
  it('gives the chunks in order and ends', async () => {
    const { give, open, simulation, pulls } = await source()
    await give(1, 2, 3, 4, 5, 6, 7, 8, 9)
    const gather = async () => {
      const all: number[] = []
      for await (const value of open({ upTo: 9 })) all.push(value)
      return all
    }
    expect(await simulation.run(gather())).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(pulls.closed).toBe(1)
  })

  it('gives the same from a cursor that works with promises', async () => {
    const { give, open, read } = await source()
    await give(1, 2)
    const stream = open({ upTo: 2, isSlow: true })
    expect([await read(stream), await read(stream), await read(stream)]).toEqual([
      { done: false, value: 1 },
      { done: false, value: 2 },
      { done: true, value: undefined },
    ])
  })

  it('asks nothing of the actor before the first read', async () => {
    const { give, open, pulls, openStreams, simulation } = await source()
    await give(1, 2, 3)
    open()
    await simulation.runUntilIdle()
    expect(pulls.count).toBe(0)
    expect(openStreams()).toBe(0)
  })

  it('makes no more chunks than the reader has credit for', async () => {
    const { give, open, read, pulls, simulation } = await source()
    await give(...Array.from({ length: 100 }, (_, at) => at + 1))
    const stream = open({}, { credit: 6 })
    await read(stream)
    await simulation.runUntilIdle()
    expect(pulls.count).toBe(6)
    for (let at = 0; at < 3; at += 1) await read(stream)
    await simulation.runUntilIdle()
    expect(pulls.count).toBe(9)
  })

  it('waits where there is nothing, and goes on when the actor wakes it', async () => {
    const { give, open, simulation } = await source()
    const stream = open()
    const next = stream.next()
    await simulation.runUntilIdle()
    expect(await Promise.race([next, 'pending'])).toBe('pending')
    await give(42)
    expect(await next).toEqual({ done: false, value: 42 })
  })

  it('answers several reads that wait at once, in order', async () => {
    const { give, open } = await source()
    const stream = open({ upTo: 2 })
    const reads = [stream.next(), stream.next(), stream.next()]
    await give(1, 2)
    expect((await Promise.all(reads)).map(({ value }) => value)).toEqual([1, 2, undefined])
  })
})

describe('ending', () => {
  it('closes the cursor when the loop is left', async () => {
    const { give, open, simulation, pulls, openStreams, kernel } = await source()
    await give(1, 2, 3, 4, 5)
    const leave = async () => {
      for await (const value of open()) if (value === 2) return
    }
    await simulation.run(leave())
    await simulation.runUntilIdle()
    expect(pulls.closed).toBe(1)
    expect(openStreams()).toBe(0)
    expect(kernel.inspect().openReaders).toBe(0)
  })

  it('closes the cursor and rejects the read when the signal fires', async () => {
    const { open, simulation, pulls } = await source()
    const leaving = new AbortController()
    const stream = open({}, { signal: leaving.signal })
    const next = outcome(stream.next())
    await simulation.runUntilIdle()
    leaving.abort()
    expect(await simulation.run(next)).toBe('ACTOR_CANCELLED')
    await simulation.runUntilIdle()
    expect(pulls.closed).toBe(1)
    expect(await stream.next()).toEqual({ done: true, value: undefined })
  })

  it('rejects after the chunks that were given before the actor died', async () => {
    const { give, open, read, simulation, kernel, pulls } = await source()
    await give(1, 2)
    const stream = open()
    expect(await read(stream)).toEqual({ done: false, value: 1 })
    await simulation.run(outcome(kernel.router.call('s', { op: 'crash' })))
    expect(await read(stream)).toEqual({ done: false, value: 2 })
    expect(await simulation.run(outcome(stream.next()))).toBe('ACTOR_DOWN')
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    expect(pulls.closed).toBe(1)
  })

  it('ends with the coded error of a pull and leaves the actor alive', async () => {
    const { give, open, simulation, journal, pulls } = await source()
    await give(-1)
    journal.take()
    expect(await simulation.run(outcome(open().next()))).toBe('BAD_PAGE')
    expect(await simulation.run(outcome(open({ isSlow: true }).next()))).toBe('BAD_PAGE')
    expect(journal.take()).toEqual([])
    expect(pulls.closed).toBe(2)
  })

  it('crashes the actor when a pull fails with anything else', async () => {
    const { give, open, simulation, journal } = await source()
    await give(-2)
    journal.take()
    expect(await simulation.run(outcome(open().next()))).toBe('ACTOR_DOWN')
    await simulation.runUntilIdle()
    expect(journal.take()).toEqual(['end s crash', 'start s'])
  })

  it('rejects with the coded error of a refused open', async () => {
    const { open, simulation, journal } = await source()
    journal.take()
    const refused = open({ refuse: new CodedError('NOT_YOURS', 'no') })
    expect(await simulation.run(outcome(refused.next()))).toBe('NOT_YOURS')
    expect(journal.take()).toEqual([])
    const broken = open({ refuse: new Error('bug') })
    expect(await simulation.run(outcome(broken.next()))).toBe('ACTOR_DOWN')
    expect(journal.take()).toEqual(['end s crash', 'start s'])
  })

  it('refuses one stream more than an actor may have open', async () => {
    const { open, simulation, openStreams } = await source()
    for (let at = 0; at < 1_024; at += 1) void open().next()
    await simulation.runUntilIdle()
    expect(await simulation.run(outcome(open().next()))).toBe('ACTOR_BUSY')
    expect(openStreams()).toBe(1_024)
  })
})
