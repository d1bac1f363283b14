import { MemoryFileSystem } from '@dunbar/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LinkIndex } from '../src/link-index.js'
import { extractLinks } from '../src/links.js'
import { SnapshotReader, SnapshotWriter, writeSnapshot } from '../src/snapshot.js'

const seed = { high: 3, low: 4 }
const ids = Array.from(
  { length: 40 },
  (_, index) => `%${Buffer.alloc(32, index).toString('base64')}.sha256`,
)
const id = fc.constantFrom(...ids)
const content = fc.record(
  { root: id, branch: fc.array(id, { maxLength: 3 }), mentions: fc.array(fc.record({ link: id })) },
  { requiredKeys: [] },
)

type Link = { row: number; relation: string; target: string }

function check(index: LinkIndex, links: readonly Link[], gone: ReadonlySet<number>): void {
  const isLive = (row: number) => !gone.has(row)
  const named = ({ rows, relations }: { rows: Uint32Array; relations: Uint16Array }) =>
    [...rows].map((row, at) => [row, index.relationName(relations[at]!)])
  for (const target of ids) {
    const to = links.filter((link) => link.target === target && isLive(link.row))
    expect(named(index.to(target, undefined, isLive))).toEqual(to.map((l) => [l.row, l.relation]))
    const roots = to.filter(({ relation }) => relation === 'root')
    expect([...index.to(target, 'root', isLive).rows]).toEqual(roots.map(({ row }) => row))
  }
  const branches = links.filter((link) => link.relation === 'branch' && isLive(link.row))
  expect([...index.withRelation('branch', isLive).rows]).toEqual(branches.map(({ row }) => row))
  const rows = Uint32Array.from(new Set(links.map(({ row }) => row)))
  expect(named(index.from(rows, undefined))).toEqual(links.map((l) => [l.row, l.relation]))
}

describe('the link index', () => {
  it('answers as a plain list of links does, also after a snapshot', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(content, { maxLength: 120 }),
        fc.array(fc.nat(120)),
        async (contents, dropped) => {
          const index = new LinkIndex(seed)
          const links: Link[] = []
          for (const [row, each] of contents.entries()) {
            index.fold(row, { feed: 0, sequence: row + 1, content: each })
            links.push(...extractLinks(each).map((link) => ({ row, ...link })))
          }
          const gone = new Set(dropped)
          check(index, links, gone)
          const fs = new MemoryFileSystem()
          const writer = new SnapshotWriter()
          index.save(writer)
          await writeSnapshot(fs, '/s/one', writer, async () => {})
          const loaded = new LinkIndex(seed)
          loaded.load(SnapshotReader.open(fs, '/s/one')!)
          check(loaded, links, gone)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('leaves the relation of what is beyond its bound to be read', () => {
    const index = new LinkIndex(seed)
    for (let row = 0; row < 9000; row++) {
      index.fold(row, { feed: 0, sequence: row + 1, content: { [`made up ${row}`]: ids[1] } })
    }
    index.fold(9000, { feed: 0, sequence: 9001, content: { root: ids[1] } })
    const all = () => true
    expect([...index.to(ids[1]!, 'root', all).rows]).toEqual([9000])
    expect([...index.to(ids[1]!, 'made up 5', all).rows]).toEqual([5])
    const unnamed = index.to(ids[1]!, 'made up 8999', all)
    expect([...unnamed.rows]).toContain(8999)
    expect(index.relationName(unnamed.relations[0]!)).toBe(null)
  })

  it('has nothing for what is no id', () => {
    expect(new LinkIndex(seed).to('nonsense', undefined, () => true).rows.length).toBe(0)
  })
})
