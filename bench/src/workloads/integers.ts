import { decode1234, type StreamVByte, twin } from 'streamvbyte-wasm'
import type { Workload } from '../bench.js'

const INTEGERS = 4_096
/** The quickest of so many bursts is one sample: the others met the rest of the machine. */
const BURSTS = 20
const DECODES_A_BURST = 200

/** Decoding StreamVByte, from bytes of the caller to an array of the caller's own, beside the twin. */
export const integers: Workload = {
  name: 'integers',
  title: 'StreamVByte in WebAssembly beside its twin in TypeScript',
  isShort: true,
  async run(bench) {
    const given = mixedIntegers()
    const stream = twin.encode1234(given)
    for (const decode of [twin.decode1234, decode1234]) {
      if (!isSame(decode(stream), given)) throw new Error('integers came back as others')
      // Compiled before it is measured.
      rate(decode, stream)
    }
    const samples: number[] = []
    const inTypeScript: number[] = []
    for (let round = 0; round < bench.settings.samples; round++) {
      inTypeScript.push(rate(twin.decode1234, stream))
      samples.push(rate(decode1234, stream))
    }
    bench.record({
      id: 'integers.decode',
      title: `StreamVByte, decoding ${INTEGERS.toLocaleString('en-US')} integers, copies included`,
      unit: 'M/s',
      better: 'more',
      size: { feeds: 0, messages: 0 },
      samples,
      limit: { what: 'the TypeScript twin', samples: inTypeScript },
    })
  },
}

/** Integers of one to four bytes, as many of each, in no order that a core could learn. */
function mixedIntegers(): Uint32Array {
  let state = 1
  return Uint32Array.from({ length: INTEGERS }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    const width = (state >>> 16) & 3
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return state >>> (8 * width)
  })
}

const isSame = (some: Uint32Array, others: Uint32Array): boolean =>
  some.length === others.length && some.every((value, index) => value === others[index])

/** Million integers a second. */
function rate(decode: (stream: StreamVByte) => Uint32Array, stream: StreamVByte): number {
  const burst = () => {
    const startedAt = performance.now()
    for (let count = 0; count < DECODES_A_BURST; count++) decode(stream)
    return performance.now() - startedAt
  }
  const quickestMs = Math.min(...Array.from({ length: BURSTS }, burst))
  return (DECODES_A_BURST * INTEGERS) / quickestMs / 1_000
}
