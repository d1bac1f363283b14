import { generateKeys, type Keys, type MessageKey, sha256Latin1, sign } from '@dunbar/core'
import { createClassic } from '@dunbar/formats'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  collect,
  importLines,
  type Kvt,
  type RunningNode,
  runningNode,
} from '../fixtures/running-node.js'

/** Messages that are not what they should be, offered by an import and by `add`. */

const others = generateKeys()

type Value = Kvt['value']
type Change = Partial<Record<keyof Value | 'hash', unknown>>

/** A feed of three messages, and ways to spoil the second one. */
class Feed {
  readonly keys = generateKeys()
  readonly whole: Kvt[] = []

  constructor() {
    for (let sequence = 1; sequence <= 3; sequence++) {
      const head = this.whole.at(-1)
      const { key, compact } = createClassic({
        keys: this.keys,
        head: head === undefined ? null : { sequence: sequence - 1, key: head.key as MessageKey },
        timestamp: 1_500_000_000_000 + sequence,
        content: { type: 'post', text: `message ${sequence}` },
      })
      const value = JSON.parse(Buffer.from(compact).toString()) as Value
      this.whole.push({ key, value, timestamp: 1_600_000_000_000 + sequence })
    }
  }

  get second(): Value {
    return this.whole[1]!.value
  }

  get lines(): string[] {
    return this.whole.map((message) => JSON.stringify(message))
  }

  line(value: object): string {
    return JSON.stringify({ key: this.whole[1]!.key, value, timestamp: 1 })
  }

  /** Another field; the signature no longer fits. */
  spoiled(change: Change): object {
    return { ...this.second, ...change }
  }

  /** Another field, signed again by its author: only the field is wrong. */
  signed(change: Change, by: Keys = this.keys): object {
    const { signature: _gone, ...rest } = { ...this.second, ...change }
    return withSignature(rest, by)
  }

  without(field: keyof Value | 'hash'): object {
    const { [field]: _gone, ...rest } = this.second as unknown as Record<string, unknown>
    return rest
  }
}

function withSignature(rest: object, by: Keys): object {
  const bytes = sign(Buffer.from(JSON.stringify(rest, null, 2)), by.secretKey)
  return { ...rest, signature: `${Buffer.from(bytes).toString('base64')}.sig.ed25519` }
}

const flipped = (signature: string) => `${signature[0] === 'A' ? 'B' : 'A'}${signature.slice(1)}`

const wrong: readonly [string, (feed: Feed) => object, string][] = [
  [
    'another text',
    (feed) => feed.spoiled({ content: { type: 'post', text: 'message 2!' } }),
    'SIGNATURE',
  ],
  ['another timestamp', (feed) => feed.spoiled({ timestamp: 1_500_000_000_003 }), 'SIGNATURE'],
  [
    'a flipped bit in the signature',
    (feed) => feed.spoiled({ signature: flipped(feed.second.signature) }),
    'SIGNATURE',
  ],
  ['a signature by somebody else', (feed) => feed.signed({}, others), 'SIGNATURE'],
  ['a sequence too high', (feed) => feed.signed({ sequence: 7 }), 'GAP'],
  ['a fraction as sequence', (feed) => feed.signed({ sequence: 2.5 }), 'SEQUENCE'],
  ['a negative sequence', (feed) => feed.signed({ sequence: -2 }), 'SEQUENCE'],
  ['a sequence beyond 2^31', (feed) => feed.signed({ sequence: 2 ** 31 }), 'SEQUENCE'],
  ['a text as sequence', (feed) => feed.signed({ sequence: '2' }), 'SEQUENCE'],
  ['another previous', (feed) => feed.signed({ previous: feed.whole[2]!.key }), 'FORK'],
  ['no previous', (feed) => feed.signed({ previous: null }), 'PREVIOUS'],
  ['a previous that is no key', (feed) => feed.signed({ previous: 'nonsense' }), 'PREVIOUS'],
  ['a text as timestamp', (feed) => feed.signed({ timestamp: '1500000000002' }), 'TIMESTAMP'],
  ['null as timestamp', (feed) => feed.signed({ timestamp: null }), 'TIMESTAMP'],
  ['another hash', (feed) => feed.signed({ hash: 'sha512' }), 'HASH'],
  ['content without a type', (feed) => feed.signed({ content: { text: 'x' } }), 'CONTENT_TYPE'],
  [
    'content with too short a type',
    (feed) => feed.signed({ content: { type: 'ab' } }),
    'CONTENT_TYPE',
  ],
  [
    'content with too long a type',
    (feed) => feed.signed({ content: { type: 'a'.repeat(53) } }),
    'CONTENT_TYPE',
  ],
  ['a list as content', (feed) => feed.signed({ content: [] }), 'CONTENT'],
  ['null as content', (feed) => feed.signed({ content: null }), 'CONTENT'],
  ['a plain text as content', (feed) => feed.signed({ content: 'no ciphertext' }), 'CONTENT'],
  [
    'too much content',
    (feed) => feed.signed({ content: { type: 'post', text: 'x'.repeat(8000) } }),
    'TOO_LONG',
  ],
  ['a signature that is none', (feed) => feed.spoiled({ signature: 'nonsense' }), 'SIGNATURE_FORM'],
  [
    'a signature of another kind',
    (feed) => feed.spoiled({ signature: feed.second.signature.replace('ed25519', 'ecdsa') }),
    'SIGNATURE_FORM',
  ],
  ['no signature', (feed) => feed.without('signature'), 'FIELDS'],
  ['no hash', (feed) => feed.without('hash'), 'FIELDS'],
  ['one field more', (feed) => ({ ...feed.second, extra: 1 }), 'FIELDS'],
  [
    'its fields in another order',
    (feed) => Object.fromEntries(Object.entries(feed.second).reverse()),
    'FIELD_ORDER',
  ],
]

describe('a message with', () => {
  let running: RunningNode
  beforeAll(async () => {
    const ends: (() => void | Promise<void>)[] = []
    running = await runningNode({}, (run) => ends.unshift(run))
    return async () => {
      for (const end of ends) await end()
    }
  })

  const stored = (id: string) => collect<Kvt>(running.peer.source('createUserStream', [{ id }]))

  test.each(wrong)(
    '%s is refused by import and by add, and those around it are taken',
    async (_name, spoil, reason) => {
      const feed = new Feed()
      const { id } = feed.keys
      const value = spoil(feed)
      const result = await importLines(running.peer, [feed.lines[0]!, feed.line(value)])
      expect(result).toMatchObject({
        read: 2,
        added: 1,
        rejected: [{ reason, count: 1, example: expect.stringContaining(id) }],
      })
      await expect(running.peer.call('add', [value])).rejects.toThrow(/refused: /)
      expect(await stored(id)).toEqual(feed.whole.slice(0, 1))
      expect(await importLines(running.peer, feed.lines)).toMatchObject({
        added: 2,
        known: 1,
        rejected: [],
      })
      expect(await stored(id)).toEqual(feed.whole)
    },
  )

  test('an author of another format, or none, is counted by what it is', async () => {
    const { peer } = running
    const feed = new Feed()
    const authors = [
      'ssb:feed/bendybutt-v1/b99R2e7lj8h7NFqGhOu6lCGy8gLxWV-J4ORd1X7rP3c=',
      'ssb:feed/indexed-v1/b99R2e7lj8h7NFqGhOu6lCGy8gLxWV-J4ORd1X7rP3c=',
      feed.keys.id.replace('.ed25519', '.ggfeed-v1'),
    ]
    const result = await importLines(peer, [
      ...authors.map((author) => feed.line(feed.spoiled({ author }))),
      feed.line(feed.spoiled({ author: 'nobody' })),
      feed.line(feed.spoiled({ author: 7 })),
      ...feed.lines,
    ])
    expect(result).toMatchObject({ read: 8, added: 3, feeds: 1 })
    expect(result.rejected).toEqual(
      expect.arrayContaining([
        { reason: 'UNKNOWN_FORMAT', count: 3, example: 'line 1' },
        { reason: 'NOT_A_MESSAGE', count: 2, example: 'line 4' },
      ]),
    )
  })

  test('a key that is not its own is stored under its own', async () => {
    const { whole, keys } = new Feed()
    const lying = JSON.stringify({ ...whole[0], key: whole[2]!.key })
    expect(await importLines(running.peer, [lying])).toMatchObject({ added: 1, rejected: [] })
    expect(await stored(keys.id)).toEqual([whole[0]])
  })

  test('__proto__ and constructor as keys is stored and given back as it was signed', async () => {
    const { whole, keys } = new Feed()
    const content =
      '{"type":"post","__proto__":{"type":"vote","root":"%x"},"constructor":{"prototype":{"a":1}},"root":{"__proto__":1},"text":"t"}'
    const { signature: _gone, ...rest } = whole[0]!.value
    const value = withSignature({ ...rest, content: JSON.parse(content) }, keys)
    const key = `%${Buffer.from(sha256Latin1(JSON.stringify(value, null, 2))).toString('base64')}.sha256`
    const record = JSON.stringify({ key, value, timestamp: 5 })
    expect(record).toContain('"__proto__":{"type":"vote"')
    expect(await importLines(running.peer, [record])).toMatchObject({ added: 1, rejected: [] })
    let exported = ''
    for await (const batch of running.peer.rawSource('createUserStream', [{ id: keys.id }])) {
      exported += Buffer.from(batch.lines()).toString()
    }
    expect(exported).toBe(`${record}\n`)
    expect(await collect(running.peer.source('messagesByType', ['vote']))).toEqual([])
    expect(({} as { a?: unknown }).a).toBeUndefined()
    const published = (await running.peer.call('publish', [
      JSON.parse('{"type":"post","__proto__":{"type":"vote"},"constructor":1}'),
    ])) as Kvt
    expect(JSON.stringify(published.value.content)).toBe(
      '{"type":"post","__proto__":{"type":"vote"},"constructor":1}',
    )
  })
})
