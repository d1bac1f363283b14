import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'

export function machineOf() {
  return {
    cpu: cpus()[0]?.model.trim() ?? '',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
  }
}

/** Hash of the checked out commit, and whether files differ from it. */
export function commitOf(): string {
  try {
    const run = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim()
    return (
      run('rev-parse', 'HEAD') +
      (run('status', '--porcelain', '--', '.') === '' ? '' : ' with changes')
    )
  } catch {
    return 'unknown'
  }
}
