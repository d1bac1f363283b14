import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ring } from '../src/ring.js'

type Step = { kind: 'push' | 'shift' | 'replace'; value: number }

const steps = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom('push', 'push', 'push', 'shift', 'shift', 'replace'),
    value: fc.nat(50),
  }),
  { maxLength: 400 },
)

describe('ring', () => {
  it('does what an array does', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const ring = new Ring<number>()
        let array: number[] = []
        for (const { kind, value } of all) {
          if (kind === 'push') {
            ring.push(value)
            array.push(value)
          } else if (kind === 'shift') {
            expect(ring.shift()).toBe(array.shift())
          } else {
            const at = array.indexOf(value)
            expect(ring.replace((item) => item === value, -1)).toBe(at < 0 ? undefined : value)
            array = array.map((item, index) => (index === at ? -1 : item))
          }
          expect(ring.length).toBe(array.length)
        }
        while (array.length > 0) expect(ring.shift()).toBe(array.shift())
        expect(ring.shift()).toBeUndefined()
      }),
    )
  })
})
