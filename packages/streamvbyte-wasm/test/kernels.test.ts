import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import wabt from 'wabt'
import { CHUNK_LENGTH, kernels, VALUES_ADDRESS } from '../src/kernels.js'

const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const compiled = new URL('../dist/index.js', import.meta.url).href

/** Prints or posts whether long arrays survive, each process and thread with values of its own. */
const roundTrips = (seed: number, say: string) => `
  import(${JSON.stringify(compiled)}).then(({ decode1234, encode1234 }) => {
    const values = Uint32Array.from({ length: 20000 }, (_, i) => (i * ${seed}) % 70000)
    let count = 0
    for (let round = 0; round < 50; round++) {
      const back = decode1234(encode1234(values))
      if (Buffer.compare(Buffer.from(back.buffer), Buffer.from(values.buffer)) === 0) count += 1
    }
    ${say}(count + ' ' + typeof WebAssembly)
  })`

describe('the kernels', () => {
  test('are what wabt makes of their text', async () => {
    const { parseWat } = await wabt()
    const module = parseWat('kernels.wat', readFileSync(fileOf('../src/kernels.wat'), 'utf8'))
    module.resolveNames()
    module.validate()
    const base64 = Buffer.from(module.toBinary({}).buffer).toString('base64')
    module.destroy()
    await expect(
      [
        '/** What wabt makes of `kernels.wat`; a test compares, and writes it when asked to. */',
        'export const KERNEL_BYTES_BASE64 =',
        `  '${base64}'`,
        '',
      ].join('\n'),
    ).toMatchFileSnapshot(fileOf('../src/kernel-bytes.ts'))
  })

  test('have room for a chunk of the widest integers and for what a loop touches past them', () => {
    const { memory, bytes } = kernels()!
    expect(VALUES_ADDRESS + 8 * CHUNK_LENGTH + 16).toBeLessThanOrEqual(bytes.length)
    expect(memory.buffer.byteLength).toBe(3 * 65_536)
  })

  test('are made once', () => {
    expect(kernels()).toBe(kernels())
  })

  test('are not needed where there is no WebAssembly', () => {
    const script = roundTrips(7, 'console.log')
    const print = execFileSync(process.execPath, ['--jitless', '-e', script], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    expect(print.trim()).toBe('50 undefined')
  })

  test('are done without where the process has no room for their memory', () => {
    const script = `
      const memories = []
      let full
      while (full === undefined) {
        try {
          memories.push(new WebAssembly.Memory({ initial: 1, maximum: 1 }))
        } catch (error) {
          full = error.name
        }
      }
      ${roundTrips(7, `console.log(full); console.log`)}`
    const print = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' })
    expect(print).toBe('RangeError\n50 object\n')
  })

  test('of two threads know nothing of each other', async () => {
    const script = (seed: number) =>
      roundTrips(seed, "require('worker_threads').parentPort.postMessage")
    const answers = [7, 31].map(async (seed) => {
      const worker = new Worker(script(seed), { eval: true })
      const answer = await new Promise((resolve, reject) => {
        worker.once('message', resolve).once('error', reject)
      })
      await worker.terminate()
      return answer
    })
    expect(await Promise.all(answers)).toEqual(['50 object', '50 object'])
  })
})
