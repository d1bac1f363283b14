import { CodedError } from '@dunbar/core'
import type { Method } from '@dunbar/wire'
import { describe, expect, it } from 'vitest'
import { connect } from '../src/index.js'
import { MemoryNode } from './memory-node.js'

/** A duplex that says that it is ready, puts questions and other items, and keeps what it is told. */
function asking(name: string, items: readonly object[]) {
  const heard: unknown[] = []
  let left: () => void = () => {}
  const isLeft = new Promise<void>((resolve) => {
    left = resolve
  })
  const method: Method = {
    name,
    type: 'duplex',
    async *handler(_args, { input }) {
      try {
        yield { ready: true }
        for (const item of items) {
          yield item
          if ('ask' in item) heard.push((await input.next()).value)
        }
        while (!(await input.next()).done);
      } finally {
        left()
      }
    },
  }
  return { method, heard, isLeft, settings: [] as unknown[] }
}

const configure = (given: unknown[]): Method => ({
  name: 'archive.configure',
  type: 'async',
  handler: ([settings]) => {
    given.push(settings)
    return { intervalSeconds: 60, minMessages: 1, keepMessages: 2 }
  },
})

const untilHeard = async (heard: readonly unknown[], count: number) => {
  while (heard.length < count) await new Promise((resolve) => setImmediate(resolve))
}

describe('archive.configure', () => {
  it('registers the precondition before the settings hold, and answers what it is asked', async () => {
    const asked = asking('archive.preconditions', [{ ask: 1 }, { ask: 2 }, { ask: 3 }])
    const given: unknown[] = []
    const { path } = await MemoryNode.start([asked.method, configure(given)])
    const client = await connect({ path })
    const answers = [async () => 7, () => -1, () => Promise.reject(new Error('not today'))]
    const settings = await client.archive.configure({ intervalSeconds: 60 }, () =>
      answers.shift()!(),
    )
    expect(settings).toEqual({ intervalSeconds: 60, minMessages: 1, keepMessages: 2 })
    expect(given).toEqual([{ intervalSeconds: 60 }])
    await untilHeard(asked.heard, 3)
    expect(asked.heard).toEqual([
      { ask: 1, answer: 7 },
      { ask: 2, answer: -1 },
      { ask: 3, error: 'not today' },
    ])
    await client.archive.removePrecondition()
    await asked.isLeft
    await client.close()
  })

  it('says why the node does not take a precondition', async () => {
    const given: unknown[] = []
    const refusing: Method = {
      name: 'archive.preconditions',
      type: 'duplex',
      handler: () => {
        throw new CodedError('TOO_MANY_CALLBACKS', 'no more of them', {})
      },
    }
    const { path } = await MemoryNode.start([refusing, configure(given)])
    const client = await connect({ path })
    await expect(client.archive.configure({}, () => 0)).rejects.toMatchObject({
      code: 'REMOTE_ERROR',
      data: { code: 'TOO_MANY_CALLBACKS' },
    })
    expect(given).toEqual([])
    await client.close()
  })
})

describe('archive.registerVerification', () => {
  const feed = '@x.ed25519'
  const result = { feed, result: 'chain', reason: 'ARCHIVE_BLOB_MISSING' }

  it('asks about each archive and tells what came of it', async () => {
    const asked = asking('archive.verifications', [{ ask: 1, feed, first: 1 }, { result }])
    const { path } = await MemoryNode.start([asked.method])
    const client = await connect({ path })
    const seen: unknown[] = []
    const told: unknown[] = []
    const registration = await client.archive.registerVerification(
      ({ feed, first }) => {
        seen.push([feed, first])
        return 0
      },
      (verification) => {
        told.push(verification)
      },
    )
    await untilHeard(told, 1)
    expect(seen).toEqual([[feed, 1]])
    expect(told).toEqual([result])
    expect(asked.heard).toEqual([{ ask: 1, answer: 0 }])
    await registration.close()
    expect(await registration.ended).toBeNull()
    await asked.isLeft
    await client.close()
  })

  it('ends with what the result callback throws, and with the connection', async () => {
    const asked = asking('archive.verifications', [{ result }])
    const { path } = await MemoryNode.start([asked.method])
    const client = await connect({ path })
    const failing = await client.archive.registerVerification(
      () => 0,
      () => {
        throw new Error('what now')
      },
    )
    expect(await failing.ended).toMatchObject({ message: 'what now' })
    await asked.isLeft
    const other = await client.archive.registerVerification(
      () => 0,
      () => undefined,
    )
    await client.close()
    expect(await other.ended).toMatchObject({ code: 'CONNECTION_CLOSED' })
  })
})

describe('archive.registerArchiveCallback', () => {
  it('tells of each event from the call on', async () => {
    const events: Method = {
      name: 'archive.events',
      type: 'source',
      async *handler() {
        yield { event: 'started', first: 1, last: 2 }
        await new Promise(() => {})
      },
    }
    const status: Method = { name: 'archive.status', type: 'async', handler: () => ({}) }
    const { path } = await MemoryNode.start([events, status])
    const client = await connect({ path })
    const told: unknown[] = []
    const registration = await client.archive.registerArchiveCallback((event) => {
      told.push(event)
    })
    await untilHeard(told, 1)
    expect(told).toEqual([{ event: 'started', first: 1, last: 2 }])
    await registration.close()
    await client.close()
  })
})
