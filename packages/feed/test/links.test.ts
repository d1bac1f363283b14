import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { extractLinks, LinkExtractor, MAX_LINKS } from '../src/links.js'

const b64 = (number: number): string => Buffer.alloc(32, number).toString('base64')
const feed = `@${b64(1)}.ed25519`
const message = `%${b64(2)}.sha256`
const blob = `&${b64(3)}.sha256`

const found = (content: unknown) =>
  extractLinks(content).map(({ target, relation }) => [relation, target])

describe('links of a message', () => {
  it('are those that npm ssb-msgs finds directly under the content, with the same relations', () => {
    const content = {
      type: 'test',
      a: feed,
      b: message,
      c: blob,
      d: { link: feed, foo: true },
      e: { link: message },
      f: { link: blob },
      g: [feed, message, blob],
      h: [{ link: feed, foo: true }, { link: message }, { link: blob }],
    }
    expect(found(content)).toEqual([
      ['a', feed],
      ['b', message],
      ['c', blob],
      ['d', feed],
      ['e', message],
      ['f', blob],
      ['g', feed],
      ['g', message],
      ['g', blob],
      ['h', feed],
      ['h', message],
      ['h', blob],
    ])
  })

  it('have the relations that clients ask for', () => {
    expect(
      found({
        type: 'post',
        root: message,
        branch: [message],
        fork: message,
        mentions: [{ link: feed, name: 'x' }, { link: '#channel' }],
        recps: [feed],
      }),
    ).toEqual([
      ['root', message],
      ['branch', message],
      ['fork', message],
      ['mentions', feed],
      ['recps', feed],
    ])
    expect(found({ type: 'vote', vote: { link: message, value: 1 } })).toEqual([['vote', message]])
    expect(found({ type: 'contact', contact: feed })).toEqual([['contact', feed]])
    expect(found({ type: 'about', about: feed, image: { link: blob, size: 5 } })).toEqual([
      ['about', feed],
      ['image', blob],
    ])
  })

  it('of a tangle carry its name', () => {
    expect(
      found({ tangles: { group: { root: message, previous: [message] }, other: { root: null } } }),
    ).toEqual([
      ['tangles.group.root', message],
      ['tangles.group.previous', message],
    ])
  })

  it('take a blob id without its query', () => {
    expect(found({ image: `${blob}?unbox=abc.boxs` })).toEqual([['image', blob]])
  })

  it('are not in encrypted content, and not in what only looks like an id', () => {
    expect(found('abc.box')).toEqual([])
    expect(found(null)).toEqual([])
    for (const text of [
      `${feed}x`,
      feed.replace('.ed25519', '.sha256'),
      message.replace('=', 'x'),
      `%${b64(2).slice(0, 42)}B=.sha256`,
      `&${b64(3)}.sha256 `,
      '@short.ed25519',
      `@${'é'.repeat(43)}=.ed25519`,
    ]) {
      expect(found({ text }), text).toEqual([])
    }
  })

  it('count once in one relation', () => {
    expect(found({ a: [message, message], b: message })).toEqual([
      ['a', message],
      ['b', message],
    ])
  })

  it('are bounded in number and depth', () => {
    const ids = Array.from({ length: 1000 }, (_, index) => {
      const bytes = Buffer.alloc(32)
      bytes.writeUInt32BE(index)
      return `%${bytes.toString('base64')}.sha256`
    })
    expect(extractLinks({ ids }).length).toBe(MAX_LINKS)
    let deep: unknown = message
    for (let depth = 0; depth < 100_000; depth++) deep = { deep }
    expect(extractLinks({ deep })).toEqual([])
  })

  it('are those of a plain walk over any content', () => {
    const id = fc.constantFrom(feed, message, blob, `${blob}?unbox=x`, 'none', '%', '@x')
    const key = fc.constantFrom('root', 'link', 'tangles', 'previous', 'mentions', 'x', '0')
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        id,
        fc.constant(null),
        fc.integer(),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(key, tie('value'), { maxKeys: 4 }),
      ),
    }))
    const extractor = new LinkExtractor()
    fc.assert(
      fc.property(fc.dictionary(key, value, { maxKeys: 5 }), (content) => {
        extractor.extract(content)
        const links = extractor.relations
          .slice(0, extractor.count)
          .map((relation, at) => [relation, extractor.targets[at]])
        expect(links).toEqual(plainly(content))
      }),
    )
  })
})

const isId = (text: string): boolean =>
  /^(@[A-Za-z0-9+/]{43}=\.ed25519|%[A-Za-z0-9+/]{43}=\.sha256|&[A-Za-z0-9+/]{43}=\.sha256(\?.*)?)$/.test(
    text,
  )

/** The documented rules, word for word. */
function plainly(content: Record<string, unknown>): [string, string][] {
  const links: [string, string][] = []
  const walk = (value: unknown, relation: string, path: readonly string[]): void => {
    if (typeof value === 'string' && isId(value)) {
      const target = value.split('?')[0]!
      if (!links.some(([rel, to]) => rel === relation && to === target)) {
        links.push([relation, target])
      }
    } else if (Array.isArray(value)) {
      for (const item of value) walk(item, relation, [...path, '[]'])
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, item] of Object.entries(value)) {
        const isTangle = path.length === 2 && path[0] === 'tangles' && path[1] !== '[]'
        let under = key === 'link' && path.length > 0 ? relation : key
        if (isTangle && (key === 'root' || key === 'previous')) under = `tangles.${path[1]}.${key}`
        walk(item, under, [...path, key])
      }
    }
  }
  walk(content, '', [])
  return links
}
