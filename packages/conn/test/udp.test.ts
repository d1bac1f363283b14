import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'

/** Takes all descriptors that there are, and then asks. */
const SCRIPT = `
  import { openSync } from 'node:fs'
  import { systemUdp } from '@dunbar/conn'
  const before = systemUdp.localAddresses().length
  try { for (;;) openSync('/dev/null') } catch {}
  process._rawDebug(JSON.stringify({ before, after: systemUdp.localAddresses().length }))`

test.skipIf(process.platform !== 'linux')(
  'gives no addresses of this machine while there is no descriptor to ask with',
  () => {
    const run = `ulimit -n 128; exec "${process.execPath}" --input-type=module -e "$0" 2>&1`
    const said = execFileSync('sh', ['-c', run, SCRIPT], { cwd: import.meta.dirname })
    expect(JSON.parse(said.toString())).toEqual({ before: expect.any(Number), after: 0 })
  },
)
