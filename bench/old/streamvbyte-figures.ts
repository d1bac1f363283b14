import { decode1234, type StreamVByte, twin } from 'streamvbyte-wasm'
import type { Figure } from './report.js'
import { median } from './statistics.js'

const INTEGERS = 4_096
/** The quickest of so many bursts is one sample: the others met the rest of the machine. */
const BURSTS = 20
const DECODES_A_BURST = 200

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

/** Decoding StreamVByte, from bytes of the caller to an array of the caller's own, beside the twin. */
export function streamVByteFigures(samples: number): Figure[] {
  const stream = twin.encode1234(mixedIntegers())
  const inTypeScript: number[] = []
  const inWebAssembly: number[] = []
  // Both are compiled before either is measured.
  rate(twin.decode1234, stream)
  rate(decode1234, stream)
  for (let sample = 0; sample < samples; sample++) {
    inTypeScript.push(rate(twin.decode1234, stream))
    inWebAssembly.push(rate(decode1234, stream))
  }
  const limit = median(inTypeScript)
  return [
    {
      name: `StreamVByte decode 1234 of ${INTEGERS.toLocaleString('en-US')} integers, copies included`,
      unit: 'M/s',
      samples: inWebAssembly,
      limit: { value: limit, what: 'the TypeScript twin' },
      goal: { least: 5 * limit },
    },
  ]
}
