import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FileSystem, systemPorts } from '@dunbar/actor'
import { MemoryFileSystem } from '@dunbar/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const systemFiles = systemPorts({ log: () => {} }).fs

const path = fc.constantFrom('a', 'b', 'f', 'f/a', 'f/b', 'f/g', 'f/g/a', 'none/a')

const step = fc.oneof(
  fc.record({
    op: fc.constant('write' as const),
    path,
    mode: fc.constantFrom('readWrite' as const, 'createNew' as const),
    position: fc.nat(40),
    length: fc.nat(40),
  }),
  fc.record({ op: fc.constant('truncate' as const), path, sizeBytes: fc.nat(60) }),
  fc.record({ op: fc.constant('read' as const), path, position: fc.nat(60) }),
  fc.record({ op: fc.constant('readFile' as const), path }),
  fc.record({ op: fc.constant('list' as const), path }),
  fc.record({ op: fc.constant('stat' as const), path }),
  fc.record({ op: fc.constant('makeFolder' as const), path }),
  fc.record({ op: fc.constant('rename' as const), path, to: path }),
  fc.record({ op: fc.constant('remove' as const), path }),
  fc.record({ op: fc.constant('syncFolder' as const), path }),
)
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

async function perform(fs: FileSystem, root: string, step: Step, mark: number): Promise<unknown> {
  const at = join(root, step.path)
  switch (step.op) {
    case 'write': {
      const file = fs.open(at, step.mode)
      file.write(new Uint8Array(step.length).fill(mark), step.position)
      await file.sync()
      file.close()
      file.close()
      return null
    }
    case 'truncate': {
      const file = fs.open(at, 'readWrite')
      file.truncate(step.sizeBytes)
      const sizeBytes = file.sizeBytes()
      file.close()
      return sizeBytes
    }
    case 'read': {
      // To open a folder for reading works on Linux and is of no use to anybody.
      if (fs.stat(at)?.isFolder) return null
      const file = fs.open(at, 'read')
      const target = new Uint8Array(30)
      const count = file.read(target, 5, 20, step.position)
      file.close()
      return [count, ...target]
    }
    case 'readFile':
      return [...fs.readFile(at)]
    case 'list':
      return fs.list(at).sort()
    case 'stat': {
      const stat = fs.stat(at)
      return stat?.isFolder ? 'folder' : stat
    }
    case 'makeFolder':
      return fs.makeFolder(at)
    case 'rename':
      return fs.rename(at, join(root, step.to))
    case 'remove':
      return fs.remove(at)
    case 'syncFolder':
      return fs.stat(at)?.isFolder === false ? null : fs.syncFolder(at)
  }
}

const outcome = (result: Promise<unknown>): Promise<unknown> =>
  result.catch((error: NodeJS.ErrnoException) => error.code)

test('the file system in memory answers as the one of the machine', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const root = mkdtempSync(join(tmpdir(), 'dunbar-parity-'))
      try {
        const memory = new MemoryFileSystem()
        memory.makeFolder(root)
        for (const [index, one] of steps.entries()) {
          const expected = await outcome(perform(systemFiles, root, one, index + 1))
          const found = await outcome(perform(memory, root, one, index + 1))
          expect(found, `step ${index}: ${JSON.stringify(one)}`).toEqual(expected)
        }
      } finally {
        rmSync(root, { recursive: true, force: true })
      }
    }),
    { numRuns: 60 },
  )
})
