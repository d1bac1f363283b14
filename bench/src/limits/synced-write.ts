import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { randomBytes } from '@dunbar/core'
import { median } from '../statistics.js'

const MESSAGE_BYTES = 500
const APPENDS = 30

/** A message appended to a file and synced, which is the least that keeping it takes: ms, the median of a few. */
export function syncedWriteMs(path: string): number {
  const message = randomBytes(MESSAGE_BYTES)
  const file = openSync(path, 'wx')
  try {
    const times = Array.from({ length: APPENDS }, () => {
      const startedAt = performance.now()
      writeSync(file, message)
      fdatasyncSync(file)
      return performance.now() - startedAt
    })
    return median(times)
  } finally {
    closeSync(file)
  }
}
