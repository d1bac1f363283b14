import { describe, expect, it } from 'vitest'
import { usualOpenFiles } from '../src/open-files.js'

const limits = (
  soft: string,
) => `Limit                     Soft Limit           Hard Limit           Units
Max processes             94000                94000                processes
Max open files            ${soft.padEnd(20)} 1048576              files
Max locked memory         8388608              8388608              bytes
`

describe('the logs that may be open', () => {
  it('are half of the files that the process may have open, within bounds', () => {
    expect(usualOpenFiles(limits('4096'))).toBe(2048)
    expect(usualOpenFiles(limits('1048576'))).toBe(65_536)
    expect(usualOpenFiles(limits('128'))).toBe(256)
  })

  it('are few where the system does not tell', () => {
    expect(usualOpenFiles(null)).toBe(256)
    expect(usualOpenFiles(limits('unlimited'))).toBe(256)
  })
})
