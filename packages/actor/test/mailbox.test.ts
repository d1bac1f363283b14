import { describe, expect, it } from 'vitest'
import type { CallEnvelope, MailLane } from '../src/envelope.js'
import { MAIL_CAPACITY, Mailbox, SYSTEM_CAPACITY } from '../src/mailbox.js'

const call = (callId: number, lane: MailLane = 'local'): CallEnvelope => ({
  kind: 'call',
  name: 'a',
  lane,
  from: { callId, caller: 'main' },
  body: null,
})

describe('mailbox', () => {
  it('holds 1,024 messages a lane and refuses the next, each lane for itself', () => {
    const mailbox = new Mailbox()
    for (let at = 0; at < MAIL_CAPACITY; at += 1) {
      expect(mailbox.offer(call(at))).toBe(true)
      expect(mailbox.offer(call(at, 'remote'))).toBe(true)
    }
    expect(mailbox.offer(call(0))).toBe(false)
    expect(mailbox.offer(call(0, 'remote'))).toBe(false)
    expect(mailbox.lengths()).toEqual({ system: 0, local: 1_024, remote: 1_024 })
    expect(mailbox.take('local')).toEqual(call(0))
    expect(mailbox.offer(call(9))).toBe(true)
  })

  it('holds 4,096 infos', () => {
    const mailbox = new Mailbox()
    const info = { kind: 'info', info: null } as const
    for (let at = 0; at < SYSTEM_CAPACITY; at += 1) expect(mailbox.addSystem(info)).toBe(true)
    expect(mailbox.addSystem(info)).toBe(false)
  })

  it('gives system mail first, then that of the lane and never that of the other', () => {
    const mailbox = new Mailbox()
    mailbox.offer(call(1))
    mailbox.offer(call(2, 'remote'))
    mailbox.add({ kind: 'close', streamId: 3 }, 'system')
    expect(mailbox.take('remote')).toEqual({ kind: 'close', streamId: 3 })
    expect(mailbox.take('remote')).toEqual(call(2, 'remote'))
    expect(mailbox.take('remote')).toBeUndefined()
    expect(mailbox.takeAny()).toEqual(call(1))
    expect(mailbox.isEmpty).toBe(true)
  })

  it('takes the call of one sender out and leaves the others', () => {
    const mailbox = new Mailbox()
    for (const id of [1, 2, 3]) mailbox.offer(call(id))
    expect(mailbox.withdraw({ callId: 2, caller: 'other' })).toBe(false)
    expect(mailbox.withdraw({ callId: 2, caller: 'main' })).toBe(true)
    expect(mailbox.withdraw({ callId: 2, caller: 'main' })).toBe(false)
    const kinds = [1, 2, 3].map(() => mailbox.take('local')?.kind)
    expect(kinds).toEqual(['call', 'withdrawn', 'call'])
  })

  it('keeps only what others sent when the actor rests', () => {
    const mailbox = new Mailbox()
    mailbox.add({ kind: 'info', info: 1 }, 'system')
    mailbox.offer(call(1))
    mailbox.add({ kind: 'pull', streamId: 1 }, 'local')
    mailbox.offer(call(2))
    mailbox.offer(call(3, 'remote'))
    mailbox.keepMessages()
    expect([mailbox.takeAny(), mailbox.takeAny(), mailbox.takeAny()]).toEqual([
      call(1),
      call(2),
      call(3, 'remote'),
    ])
    expect(mailbox.isEmpty).toBe(true)
  })
})
