import { describe, expect, it } from 'vitest'
import { readClassic, verifySignature } from '../src/classic.js'
import { classicFormat, createClassic } from '../src/classic-author.js'
import { identity, isAcceptedByReference } from './reference.js'

const { keys } = identity(1)
const head = null
const timestamp = 1_500_000_000_000

function errorOf(run: () => unknown): { code: unknown; data: unknown } {
  try {
    run()
  } catch (error) {
    const { code, data } = error as { code: unknown; data: unknown }
    return { code, data }
  }
  return { code: 'no error', data: null }
}

describe('createClassic', () => {
  it('gives what reading its bytes gives', () => {
    const message = createClassic({ keys, head, timestamp, content: { type: 'post', text: 'é' } })
    const result = readClassic(message.compact)
    expect(result.ok && result.message).toEqual(message)
    expect(verifySignature(message)).toBe(true)
  })

  it('links a message to the head', () => {
    const first = createClassic({ keys, head, timestamp, content: { type: 'post' } })
    const second = createClassic({ keys, head: first, timestamp, content: 'AAAA.box' })
    expect([second.sequence, second.previous]).toEqual([2, first.key])
    expect(classicFormat.checkSuccessor(second, first)).toBe('ok')
  })

  it('writes either order of author and sequence', () => {
    const content = { type: 'post' }
    const modern = createClassic({ keys, head, timestamp, content })
    const legacy = createClassic({ keys, head, timestamp, content, isLegacyOrder: true })
    expect(Object.keys(modern.value).slice(1, 3)).toEqual(['sequence', 'author'])
    expect(Object.keys(legacy.value).slice(1, 3)).toEqual(['author', 'sequence'])
    expect(legacy.key).not.toBe(modern.key)
  })

  it('takes content as JSON has it', () => {
    const content = {
      type: 'post',
      gone: undefined,
      when: new Date(0),
      lone: '\ud800',
      n: Infinity,
    }
    const message = createClassic({ keys, head, timestamp, content })
    expect(message.content).toStrictEqual({
      type: 'post',
      when: '1970-01-01T00:00:00.000Z',
      lone: '\ud800',
      n: null,
    })
    expect(isAcceptedByReference(message.value)).toBe(true)
  })

  it('refuses content that others would refuse', () => {
    const cyclic: Record<string, unknown> = { type: 'post' }
    cyclic.self = cyclic
    const wrong: [unknown, string][] = [
      [{}, 'CONTENT_TYPE'],
      [{ type: 'ab' }, 'CONTENT_TYPE'],
      [{ type: 'x'.repeat(53) }, 'CONTENT_TYPE'],
      [[], 'CONTENT'],
      [null, 'CONTENT'],
      ['text', 'CONTENT'],
      ['AAAA.boxes', 'CONTENT'],
      [cyclic, 'NOT_JSON'],
      [{ type: 'post', big: 1n }, 'NOT_JSON'],
      [undefined, 'NOT_JSON'],
    ]
    for (const [content, reason] of wrong) {
      const error = errorOf(() =>
        createClassic({ keys, head, timestamp, content: content as object }),
      )
      expect(error).toEqual({ code: 'CONTENT_INVALID', data: { reason } })
    }
  })

  it('refuses a message over 8,192 units and takes one of exactly that', () => {
    const empty = createClassic({ keys, head, timestamp, content: { type: 'post', text: '' } })
    const room = 8192 - JSON.stringify(empty.value, null, 2).length
    const of = (length: number) => ({ type: 'post', text: '€'.repeat(length) })
    expect(createClassic({ keys, head, timestamp, content: of(room) }).sequence).toBe(1)
    expect(errorOf(() => createClassic({ keys, head, timestamp, content: of(room + 1) }))).toEqual({
      code: 'MESSAGE_TOO_LONG',
      data: { units: 8193, maxUnits: 8192 },
    })
    const huge = errorOf(() => createClassic({ keys, head, timestamp, content: of(100_000) }))
    expect(huge.code).toBe('MESSAGE_TOO_LONG')
  })

  it('refuses content that is nested too deep, however deep', () => {
    for (const levels of [70, 2000, 100_000]) {
      let nested: unknown = 1
      for (let level = 0; level < levels; level++) nested = [nested]
      const content = { type: 'post', nested }
      const { code } = errorOf(() => createClassic({ keys, head, timestamp, content }))
      expect(code).toBe('MESSAGE_TOO_LONG')
    }
  })

  it('refuses heads and timestamps out of range', () => {
    const content = { type: 'post' }
    const { key } = createClassic({ keys, head, timestamp, content })
    const drafts = [
      { head, timestamp: Number.NaN },
      { head, timestamp: Infinity },
      { head: { key, sequence: 2 ** 30 - 1 }, timestamp },
      { head: { key, sequence: 0.5 }, timestamp },
      { head: { key, sequence: -1 }, timestamp },
    ]
    for (const draft of drafts) {
      expect(errorOf(() => createClassic({ keys, content, ...draft })).code).toBe('DRAFT_INVALID')
    }
  })
})

it('the classic format encodes a message as the bytes that it reads', () => {
  const message = classicFormat.create({ keys, head, timestamp, content: { type: 'post' } })
  const again = classicFormat.read(classicFormat.encode(message))
  expect(again.ok && again.message.key).toBe(message.key)
  expect(again.ok && classicFormat.verifySignature(again.message)).toBe(true)
})
