import { describe, expect, it } from 'vitest'
import { SyncGroup } from '../src/sync-group.js'
import { ManualTimers } from './store-fixture.js'

/** A file whose syncs end when they are told to. */
class Target {
  appended = 0
  durable = 0
  syncCount = 0
  readonly #underWay: { covers: number; resolve: () => void; reject: (error: Error) => void }[] = []

  sync(): Promise<void> {
    this.syncCount += 1
    const covers = this.appended
    return new Promise((resolve, reject) => this.#underWay.push({ covers, resolve, reject }))
  }

  async finish(error?: Error): Promise<void> {
    const next = this.#underWay.shift()
    if (next === undefined) throw new Error('no sync is under way')
    if (error === undefined) {
      this.durable = Math.max(this.durable, next.covers)
      next.resolve()
    } else {
      next.reject(error)
    }
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
  }
}

function group(options: { concurrency?: number; quiet?: number; recovers?: boolean } = {}) {
  const timers = new ManualTimers()
  const recovered: Target[] = []
  const syncs = new SyncGroup<Target>(
    timers,
    {
      delayMs: 1000,
      maxBytes: 100,
      bulkDelayMs: 15_000,
      bulkBytes: 1000,
      concurrency: options.concurrency ?? 2,
      quietConcurrency: options.quiet ?? options.concurrency ?? 2,
    },
    async (target) => {
      recovered.push(target)
      return options.recovers ?? false
    },
  )
  const append = (target: Target, bytes: number, isBulk = false): void => {
    target.appended += bytes
    syncs.markDirty(target, bytes, isBulk)
  }
  return { timers, syncs, append, recovered }
}

describe('syncing in groups', () => {
  it('waits for the timer, then syncs what is dirty, a few at a time', async () => {
    const { timers, syncs, append } = group()
    const targets = [new Target(), new Target(), new Target()]
    for (const target of targets) append(target, 10)
    expect(targets.map(({ syncCount }) => syncCount)).toEqual([0, 0, 0])
    expect(timers.count).toBe(1)
    timers.runAll()
    expect(targets.map(({ syncCount }) => syncCount)).toEqual([1, 1, 0])
    await targets[0]!.finish()
    expect(targets.map(({ syncCount }) => syncCount)).toEqual([1, 1, 1])
    await targets[1]!.finish()
    await targets[2]!.finish()
    expect(syncs.dirtyCount).toBe(0)
  })

  it('begins at once where much waits', () => {
    const { append } = group()
    const target = new Target()
    append(target, 99)
    expect(target.syncCount).toBe(0)
    append(target, 1)
    expect(target.syncCount).toBe(1)
  })

  it('does not count what came during a sync as safe', async () => {
    const { syncs, append } = group()
    const target = new Target()
    append(target, 100)
    append(target, 5)
    const flushed = syncs.flush()
    await target.finish()
    expect(target.durable).toBe(100)
    expect(target.syncCount).toBe(2)
    await target.finish()
    await flushed
    expect(target.durable).toBe(105)
    expect(syncs.dirtyCount).toBe(0)
  })

  it('takes more at a time while somebody waits for all of them', async () => {
    const { timers, syncs, append } = group({ concurrency: 3, quiet: 1 })
    const targets = [new Target(), new Target(), new Target(), new Target()]
    for (const target of targets) append(target, 10)
    timers.runAll()
    expect(targets.map(({ syncCount }) => syncCount)).toEqual([1, 0, 0, 0])
    const flushed = syncs.flush()
    expect(targets.map(({ syncCount }) => syncCount)).toEqual([1, 1, 1, 0])
    await targets[0]!.finish()
    for (const target of targets.slice(1)) await target.finish()
    await flushed
    expect(syncs.dirtyCount).toBe(0)
  })

  it('lets one go past the queue', async () => {
    const { timers, syncs, append } = group({ concurrency: 1 })
    const targets = [new Target(), new Target(), new Target()]
    for (const target of targets) append(target, 10)
    timers.runAll()
    const done = syncs.syncNow(targets[2]!)
    expect(targets.map(({ syncCount }) => syncCount)).toEqual([1, 0, 1])
    await targets[2]!.finish()
    await done
    expect(targets[2]!.durable).toBe(10)
    await targets[0]!.finish()
    expect(targets[1]!.syncCount).toBe(1)
    await targets[1]!.finish()
    expect(syncs.dirtyCount).toBe(0)
  })

  it('asks for nothing again while all that waits is queued', async () => {
    const { syncs, append } = group({ concurrency: 1 })
    const targets = [new Target(), new Target(), new Target()]
    for (const target of targets) append(target, 400, true)
    expect(targets.map(({ syncCount }) => syncCount)).toEqual([1, 0, 0])
    append(targets[1]!, 5000, true)
    append(targets[0]!, 999, true)
    await targets[0]!.finish()
    await targets[1]!.finish()
    await targets[2]!.finish()
    expect(targets.map(({ syncCount }) => syncCount)).toEqual([1, 1, 1])
    append(targets[0]!, 1, true)
    expect(targets.map(({ syncCount }) => syncCount)).toEqual([2, 1, 1])
    await targets[0]!.finish()
    expect(targets.map(({ appended, durable }) => appended - durable)).toEqual([0, 0, 0])
    expect(syncs.dirtyCount).toBe(0)
  })

  it('waits for a sync under way that covers everything', async () => {
    const { syncs, append } = group()
    const target = new Target()
    append(target, 100)
    const done = Promise.all([syncs.syncNow(target), syncs.flush()])
    await target.finish()
    await done
    expect(target.syncCount).toBe(1)
    await syncs.syncNow(target)
    await syncs.flush()
    expect(target.syncCount).toBe(1)
  })

  it('hands a target whose sync failed to recovery, and counts it as safe where that worked', async () => {
    const { syncs, append, recovered } = group({ recovers: true })
    const target = new Target()
    append(target, 10)
    const done = syncs.flush()
    await target.finish(new Error('EIO'))
    await done
    expect([recovered.length, target.syncCount]).toEqual([1, 1])
  })

  it('tells those who wait where recovery did not work either', async () => {
    const { timers, syncs, append } = group()
    const target = new Target()
    append(target, 10)
    const done = syncs.syncNow(target)
    await target.finish(new Error('EIO'))
    await expect(done).rejects.toThrow(expect.objectContaining({ code: 'STORE_SYNC_FAILED' }))
    append(target, 10)
    timers.runAll()
    await target.finish(new Error('EIO'))
    await syncs.flush()
    expect(syncs.dirtyCount).toBe(0)
  })

  it('lets a log that grew in bulk wait for the longer timer', () => {
    const { timers, syncs, append } = group()
    const target = new Target()
    for (let turn = 0; turn < 5; turn++) append(target, 150, true)
    expect([timers.count, target.syncCount]).toEqual([1, 0])
    timers.runAll()
    expect(target.syncCount).toBe(1)
    expect(syncs.dirtyCount).toBe(1)
  })

  it('syncs a log that grew in bulk and otherwise as soon as any other', () => {
    const { append } = group()
    const target = new Target()
    append(target, 90, true)
    append(target, 9)
    expect(target.syncCount).toBe(0)
    append(target, 1, true)
    expect(target.syncCount).toBe(1)
  })

  it('leaves to the longer timer what grew in bulk when the shorter one runs', () => {
    const { timers, append } = group()
    const [patient, urgent] = [new Target(), new Target()]
    append(urgent, 1)
    append(patient, 1, true)
    expect(timers.count).toBe(2)
    timers.runFirst()
    expect([patient.syncCount, urgent.syncCount]).toEqual([0, 1])
    timers.runFirst()
    expect([patient.syncCount, urgent.syncCount]).toEqual([1, 1])
  })

  it('syncs all logs when too much waits in them together', async () => {
    const { append } = group({ concurrency: 20 })
    const targets = Array.from({ length: 10 }, () => new Target())
    const syncCounts = () => targets.map(({ syncCount }) => syncCount)
    for (const target of targets.slice(1)) append(target, 110, true)
    expect(syncCounts()).toEqual(Array(10).fill(0))
    append(targets[0]!, 10, true)
    expect(syncCounts()).toEqual(Array(10).fill(1))
    for (const target of targets) await target.finish()
    append(targets[0]!, 999, true)
    expect(syncCounts()).toEqual(Array(10).fill(1))
  })

  it('flushes what grew in bulk without waiting for its timer', async () => {
    const { syncs, append } = group()
    const target = new Target()
    append(target, 10, true)
    const done = syncs.flush()
    await target.finish()
    await done
    expect([target.durable, syncs.dirtyCount]).toEqual([10, 0])
  })

  it('sets no timer once it is closed', () => {
    const { timers, syncs, append } = group()
    append(new Target(), 1)
    append(new Target(), 1, true)
    syncs.close()
    expect(timers.count).toBe(0)
    append(new Target(), 1)
    append(new Target(), 1, true)
    expect(timers.count).toBe(0)
  })
})
