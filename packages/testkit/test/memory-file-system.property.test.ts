import { MemoryFileSystem } from '@dunbar/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'

/** One call; names and positions are small numbers, so that calls meet. */
const call = fc.oneof(
  fc.record({
    op: fc.constant('write' as const),
    file: fc.nat(2),
    position: fc.nat(600),
    length: fc.nat(600),
  }),
  fc.record({ op: fc.constant('truncate' as const), file: fc.nat(2), size: fc.nat(600) }),
  fc.record({ op: fc.constant('rename' as const), file: fc.nat(2), to: fc.nat(2) }),
  fc.record({ op: fc.constant('remove' as const), file: fc.nat(2) }),
  fc.record({ op: fc.constant('sync' as const), file: fc.nat(2) }),
  fc.record({ op: fc.constant('syncFolder' as const) }),
)

function perform(
  fs: MemoryFileSystem,
  step: typeof call extends fc.Arbitrary<infer T> ? T : never,
  mark: number,
): Promise<void> {
  if (step.op === 'syncFolder') return fs.syncFolder('/')
  const path = `/${step.file}`
  if (step.op === 'rename' || step.op === 'remove') {
    if (fs.stat(path) === null) return Promise.resolve()
    if (step.op === 'rename') fs.rename(path, `/${step.to}`)
    else fs.remove(path)
    return Promise.resolve()
  }
  const file = fs.open(path, 'readWrite')
  if (step.op === 'write') file.write(new Uint8Array(step.length).fill(mark), step.position)
  if (step.op === 'truncate') file.truncate(step.size)
  const done = step.op === 'sync' ? file.sync() : Promise.resolve()
  return done.finally(() => file.close())
}

const content = (fs: MemoryFileSystem): Record<string, string> =>
  Object.fromEntries(
    [...fs.snapshot()].map(([path, bytes]) => [path, Buffer.from(bytes).toString('hex')]),
  )

test('keeping everything is the live state, and syncing everything leaves that one state', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 25 }), async (steps) => {
      const fs = new MemoryFileSystem()
      for (const [index, step] of steps.entries()) await perform(fs, step, index + 1)
      const images = [...fs.crashImages(1, { maxImages: 40 })]
      expect(content(images[Math.min(1, images.length - 1)] as MemoryFileSystem)).toEqual(
        content(fs),
      )

      for (const path of fs.snapshot().keys()) {
        const file = fs.open(path, 'read')
        await file.sync()
        file.close()
      }
      await fs.syncFolder('/')
      for (const image of fs.crashImages(1, { maxImages: 40 })) {
        expect(content(image)).toEqual(content(fs))
      }
    }),
    { numRuns: 200 },
  )
})

test('a file synced and named durably is whole in every later state, unless it was touched again', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(call, { maxLength: 15 }),
      fc.array(call, { maxLength: 15 }),
      async (before, after) => {
        const fs = new MemoryFileSystem()
        for (const [index, step] of before.entries()) await perform(fs, step, index + 1)
        const file = fs.open('/own', 'createNew')
        file.write(new Uint8Array(700).fill(77), 0)
        await file.sync()
        await fs.syncFolder('/')
        for (const [index, step] of after.entries()) await perform(fs, step, index + 101)
        for (const image of fs.crashImages(3, { maxImages: 30 })) {
          expect(content(image)['/own'], image.origin).toBe('4d'.repeat(700))
        }
      },
    ),
    { numRuns: 150 },
  )
})

test('a kill at any call leaves what the calls before it made, and no run is without its fault', async () => {
  const steps =
    fc.sample(fc.array(call, { minLength: 12, maxLength: 12 }), { numRuns: 1, seed: 5 })[0] ?? []
  for (let callIndex = 0; ; callIndex += 1) {
    const fs = new MemoryFileSystem()
    const witness = new MemoryFileSystem()
    fs.failAt(callIndex, 'kill')
    for (const [index, step] of steps.entries()) {
      try {
        await perform(fs, step, index + 1)
      } catch (error) {
        expect((error as { code: string }).code).toBe('KILLED')
        break
      }
      await perform(witness, step, index + 1)
    }
    if (fs.faultHitCount === 0) {
      expect(callIndex).toBe(fs.callCount)
      break
    }
    const names = [...witness.snapshot().keys()]
    for (const name of names) expect(content(fs)[name]).toBe(content(witness)[name])
  }
})
