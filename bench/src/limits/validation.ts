import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { feedIdToBytes, sha256Latin1, verify } from '@dunbar/core'

/**
 * What bounds an import: as many threads as cores that do nothing but parse, print canonically,
 * hash and verify the same messages, held in memory. Messages a second of all threads together.
 */
export async function validationRate(file: string): Promise<number> {
  const threads = availableParallelism()
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  const values = lines.map((line) =>
    line.slice(line.indexOf('"value":') + 8, line.lastIndexOf(',"timestamp":')),
  )
  const share = Math.ceil(values.length / threads)
  const workers = Array.from({ length: threads }, (_, index) => {
    const worker = new Worker(new URL(import.meta.url), {
      workerData: values.slice(index * share, (index + 1) * share),
    })
    const ready = new Promise<void>((resolve) => worker.once('message', () => resolve()))
    return { worker, ready }
  })
  await Promise.all(workers.map(({ ready }) => ready))
  const startedAt = performance.now()
  await Promise.all(
    workers.map(({ worker }) => {
      const done = new Promise((resolve, reject) => {
        worker.once('message', resolve)
        worker.once('error', reject)
      })
      worker.postMessage('go')
      return done
    }),
  )
  const seconds = (performance.now() - startedAt) / 1000
  await Promise.all(workers.map(({ worker }) => worker.terminate()))
  return values.length / seconds
}

function validateAll(values: readonly string[]): void {
  for (const text of values) {
    const value = JSON.parse(text)
    const printed = JSON.stringify(value, null, 2)
    sha256Latin1(printed)
    const signed = Buffer.from(`${printed.slice(0, printed.lastIndexOf(',\n  "signature": '))}\n}`)
    const signature = Buffer.from(value.signature.slice(0, 88), 'base64')
    if (!verify(signature, signed, feedIdToBytes(value.author))) {
      throw new Error(`a generated message does not verify: ${value.author} ${value.sequence}`)
    }
  }
}

if (!isMainThread) {
  const values = workerData as string[]
  validateAll(values.slice(0, 500))
  parentPort!.once('message', () => {
    validateAll(values)
    parentPort!.postMessage('done')
  })
  parentPort!.postMessage('ready')
}
