import { type CommandContext, withClient } from '../session.js'
import { grouped, printTable } from '../table.js'
import { resultOf } from './long-work.js'

/** Checks every stored message again. Exit code 1 where any is damaged. */
export async function verify(context: CommandContext): Promise<number> {
  return withClient(context, {}, async (client) => {
    const { output, notes, isJson } = context
    const result = await resultOf('verify', client.node.verify())
    const { messages, feeds, damaged, unlisted = 0, seconds } = result
    if (isJson) await output.json(result)
    else {
      const count = `${unlisted > 0 ? 'at least ' : ''}${grouped(damaged.length + unlisted)}`
      await output.line(
        `${grouped(messages)} messages in ${grouped(feeds)} feeds checked: ${damaged.length === 0 ? 'all whole' : `${count} damaged`}, ${seconds.toFixed(1)} s`,
      )
      if (damaged.length > 0) {
        await printTable(
          output,
          [
            { title: 'feed' },
            { title: 'sequences' },
            { title: 'messages', isNumber: true },
            { title: 'reason' },
          ],
          damagedRuns(damaged).map(({ feed, first, last, reason }) => [
            feed,
            sequencesOf(first, last),
            first === 0 ? '' : grouped(last - first + 1),
            reason,
          ]),
        )
      }
      if (unlisted > 0) await notes.line(`${grouped(unlisted)} more are not listed`)
    }
    return damaged.length === 0 ? 0 : 1
  })
}

/** Messages of one feed behind each other that are damaged for one reason. */
export interface DamagedRun {
  readonly feed: string
  readonly first: number
  readonly last: number
  readonly reason: string
}

/** Damaged messages, in their order, as runs. */
export function damagedRuns(
  damaged: readonly { readonly feed: string; readonly sequence: number; readonly reason: string }[],
): DamagedRun[] {
  const runs: DamagedRun[] = []
  for (const { feed, sequence, reason } of damaged) {
    const run = runs.at(-1)
    const goesOn = run?.feed === feed && run.reason === reason && run.last + 1 === sequence
    if (goesOn && run.first > 0) runs[runs.length - 1] = { ...run, last: sequence }
    else runs.push({ feed, first: sequence, last: sequence, reason })
  }
  return runs
}

function sequencesOf(first: number, last: number): string {
  if (first === 0) return 'all'
  return first === last ? grouped(first) : `${grouped(first)}–${grouped(last)}`
}
