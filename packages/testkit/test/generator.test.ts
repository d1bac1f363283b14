import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { isBlobId, isFeedId, isMessageKey, sha256Latin1 } from '@dunbar/core'
import { checkSuccessor, readClassic, unboxContent, verifySignature } from '@dunbar/formats'
import {
  describeDataset,
  formatMessageLine,
  type GeneratedMessage,
  type GeneratorOptions,
  generatedKeys,
  generateMessages,
} from '@dunbar/testkit'
import { describe, expect, test } from 'vitest'

const ssbKeys = createRequire(import.meta.url)('ssb-keys') as {
  verifyObj(keys: { public: string }, hmacKey: string | null, value: object): boolean
}

interface Value {
  readonly previous: string | null
  readonly sequence: number
  readonly author: string
  readonly timestamp: number
  readonly content: string | { readonly type: string; readonly [field: string]: unknown }
}

const parsedValue = (message: GeneratedMessage): Value =>
  JSON.parse(Buffer.from(message.value).toString('utf8')) as Value

function digestOf(options: GeneratorOptions): string {
  const hash = createHash('sha256')
  for (const message of generateMessages(options)) hash.update(`${formatMessageLine(message)}\n`)
  return hash.digest('hex')
}

const small: GeneratorOptions = { feeds: 20, messages: 600, seed: 7 }
const messages = [...generateMessages({ feeds: 200, messages: 8000, seed: 'tests' })]
const facts = describeDataset(messages)

describe('a seed', () => {
  test('gives the same bytes every time, on every machine', () => {
    expect(digestOf(small)).toBe('54f5f97f1b71d06310cba996109efa50e190b9ca9a064d8eb6bb5019430e4c94')
  })

  test('other than before gives other bytes, and so do other counts and a network key', () => {
    const digests = [
      small,
      { ...small, seed: 8 },
      { ...small, feeds: 21 },
      { ...small, messages: 601 },
      { ...small, hmacKey: new Uint8Array(32).fill(1) },
    ].map(digestOf)
    expect(new Set(digests).size).toBe(5)
  })
})

describe('generated messages', () => {
  test('are valid and follow each other in their feeds', () => {
    const heads = new Map<string, { key: GeneratedMessage['key']; sequence: number }>()
    for (const message of messages) {
      const read = readClassic(message.value)
      if (!read.ok) throw new Error(read.reason)
      const { key, author, sequence } = read.message
      expect(checkSuccessor(read.message, heads.get(author) ?? null)).toBe('ok')
      expect({ key, author, sequence }).toEqual({
        key: message.key,
        author: message.author,
        sequence: message.sequence,
      })
      heads.set(author, { key, sequence })
    }
    expect(heads.size).toBe(200)
  })

  test('are signed, as we and ssb-keys have it', () => {
    for (const message of messages.filter((_, index) => index % 40 === 0)) {
      const read = readClassic(message.value)
      if (!read.ok) throw new Error(read.reason)
      expect(verifySignature(read.message)).toBe(true)
      const value = parsedValue(message)
      expect(ssbKeys.verifyObj({ public: value.author.slice(1) }, null, value)).toBe(true)
    }
  })

  test('are signed for one network where it has a key', () => {
    const hmacKey = new Uint8Array(32).fill(9)
    const text = Buffer.from(hmacKey).toString('base64')
    for (const message of generateMessages({ feeds: 3, messages: 30, seed: 1, hmacKey })) {
      const value = parsedValue(message)
      const keys = { public: value.author.slice(1) }
      expect(ssbKeys.verifyObj(keys, text, value)).toBe(true)
      expect(ssbKeys.verifyObj(keys, null, value)).toBe(false)
    }
  })

  test('are compact JSON as signed, within the size that all peers take', () => {
    for (const message of messages) {
      const value = parsedValue(message)
      expect(JSON.stringify(value)).toBe(Buffer.from(message.value).toString('utf8'))
      const text = JSON.stringify(value, null, 2)
      expect(text.length).toBeLessThanOrEqual(8192)
      expect(`%${Buffer.from(sha256Latin1(text)).toString('base64')}.sha256`).toBe(message.key)
    }
  })

  test('come in order of strictly rising received times', () => {
    let last = 0
    for (const { timestamp } of messages) {
      expect(timestamp).toBeGreaterThan(last)
      last = timestamp
    }
  })

  test('refer only to messages before them, and to well-formed ids', () => {
    const seen = new Set<string>()
    const ids = /[%@&][A-Za-z0-9/+]{43}=\.(?:sha256|ed25519)/g
    for (const message of messages) {
      const { content } = parsedValue(message)
      if (typeof content !== 'string') {
        for (const [id] of JSON.stringify(content).matchAll(ids)) {
          expect(isFeedId(id) || isBlobId(id) || isMessageKey(id)).toBe(true)
          if (isMessageKey(id)) expect(seen.has(id), `${message.type} names ${id}`).toBe(true)
        }
      }
      seen.add(message.key)
    }
  })

  test('print as lines that parse to key, value and timestamp', () => {
    for (const message of messages.slice(0, 200)) {
      const line = formatMessageLine(message)
      expect(line).not.toContain('\n')
      expect(JSON.parse(line)).toEqual({
        key: message.key,
        value: parsedValue(message),
        timestamp: message.timestamp,
      })
    }
  })

  test('of private kind open for their recipients, and for nobody else', () => {
    const feedOf = new Map(
      Array.from({ length: 20 }, (_, feed) => [generatedKeys(7, feed).id as string, feed]),
    )
    const counts = new Set<number>()
    for (const message of generateMessages(small)) {
      const { content, author } = parsedValue(message)
      if (typeof content !== 'string') continue
      expect(message.type).toBe('')
      const opened = unboxContent(content, generatedKeys(7, feedOf.get(author) as number)) as {
        type: string
        recps: string[]
      }
      expect(opened.type).toBe('post')
      expect(opened.recps).toContain(author)
      counts.add(opened.recps.length)
      for (const feed of [0, 7, 19]) {
        const keys = generatedKeys(7, feed)
        expect(unboxContent(content, keys) !== null).toBe(opened.recps.includes(keys.id))
      }
    }
    expect(Math.min(...counts)).toBe(1)
    expect(Math.max(...counts)).toBe(7)
  })
})

describe('the mix', () => {
  const share = (count: number): number => count / messages.length

  test('has the shares of the main network', () => {
    const types = facts.countByType
    for (const [type, expected] of Object.entries({
      vote: 0.43,
      post: 0.25,
      private: 0.12,
      contact: 0.09,
    })) {
      expect(Math.abs(share(types[type] ?? 0) - expected), type).toBeLessThan(0.01)
    }
    for (const type of [
      'about',
      'channel',
      'git-update',
      'ssb_chess_move',
      'pub',
      'gathering',
      'blog',
    ]) {
      expect(share(types[type] ?? 0), type).toBeGreaterThan(0.002)
    }
  })

  test('has messages of usual size, some near the limit', () => {
    expect(facts.meanSizeBytes).toBeGreaterThan(600)
    expect(facts.meanSizeBytes).toBeLessThan(800)
    const units = messages.map((message) => JSON.stringify(parsedValue(message), null, 2).length)
    expect(units.filter((length) => length > 7500).length).toBeGreaterThan(0)
  })

  test('has one feed of 8 % and one long thread by many authors', () => {
    expect(facts.feeds).toBe(200)
    expect(facts.largestFeed?.messages).toBeGreaterThanOrEqual(640)
    expect(facts.largestThread).toMatchObject({ messages: 32 })
    expect(facts.largestThread?.authors).toBeGreaterThan(10)
  })

  test('has tangles that split and join, sub-threads, and both forms of branch', () => {
    const posts = messages.flatMap((message) => {
      const { content } = parsedValue(message)
      return typeof content === 'string' || content.type !== 'post' ? [] : [content]
    })
    const replies = posts.filter((content) => content.root !== undefined)
    expect(replies.length / posts.length).toBeGreaterThan(0.5)
    expect(replies.some(({ branch }) => typeof branch === 'string')).toBe(true)
    expect(replies.some(({ branch }) => Array.isArray(branch) && branch.length === 1)).toBe(true)
    expect(
      replies.filter(({ branch }) => Array.isArray(branch) && branch.length > 1).length,
    ).toBeGreaterThan(20)
    const named = replies.flatMap(({ branch }) => branch as string | string[])
    expect(named.length - new Set(named).size).toBeGreaterThan(20)
    expect(replies.filter(({ fork }) => fork !== undefined).length).toBeGreaterThan(5)
    expect(posts.filter(({ channel }) => channel !== undefined).length).toBeGreaterThan(100)
  })

  test('has clocks and field orders as the network has them', () => {
    const values = messages.map(parsedValue)
    const count = (isSo: (value: Value, index: number) => boolean): number =>
      values.filter(isSo).length
    const future = count((value, index) => value.timestamp > (messages[index]?.timestamp ?? 0))
    expect(future).toBeGreaterThan(5)
    expect(share(future)).toBeLessThan(0.02)
    expect(count((value) => !Number.isInteger(value.timestamp))).toBeGreaterThan(20)
    const legacy = messages.filter((message) => Object.keys(parsedValue(message))[1] === 'author')
    expect(legacy.length).toBeGreaterThan(20)
    expect(share(legacy.length)).toBeLessThan(0.5)
  })

  test('has scripts of many kinds, and what JSON escapes', () => {
    const text = messages.map((message) => Buffer.from(message.value).toString('utf8')).join('')
    for (const sample of [
      /\p{Script=Han}/u,
      /\p{Script=Arabic}/u,
      /\p{Script=Hebrew}/u,
      /\p{Script=Cyrillic}/u,
      /\p{Emoji_Presentation}/u,
      /\p{M}/u,
      /\\u0001/,
      /\u2028/,
      /\\\\/,
      /\\"/,
      /\\n/,
    ]) {
      expect(text, String(sample)).toMatch(sample)
    }
  })

  test('of follows names other feeds, with unfollows and blocks', () => {
    const contacts = messages.flatMap((message) => {
      const { content, author } = parsedValue(message)
      return typeof content === 'string' || content.type !== 'contact'
        ? []
        : [{ ...content, author }]
    }) as { author: string; contact?: string; following?: boolean; blocking?: boolean }[]
    expect(contacts.every(({ author, contact }) => isFeedId(contact) && contact !== author)).toBe(
      true,
    )
    expect(contacts.filter(({ following }) => following === true).length).toBeGreaterThan(
      contacts.length / 2,
    )
    expect(contacts.some(({ following }) => following === false)).toBe(true)
    expect(contacts.some(({ blocking }) => blocking === true)).toBe(true)
  })
})

describe('counts', () => {
  test.each([
    [1, 0],
    [1, 1],
    [1, 40],
    [5, 3],
    [30, 30],
  ])('of %i feeds and %i messages are kept', (feeds, count) => {
    const found = describeDataset(generateMessages({ feeds, messages: count, seed: 'counts' }))
    expect(found.messages).toBe(count)
    expect(found.feeds).toBe(Math.min(feeds, count))
  })

  test.each([
    { feeds: 0 },
    { feeds: 1.5 },
    { feeds: 2_000_000 },
    { messages: -1 },
    { messages: Number.NaN },
  ])('out of range are refused: %j', (wrong) => {
    expect(() => generateMessages({ ...small, ...wrong }).next()).toThrow(RangeError)
  })
})
