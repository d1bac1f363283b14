import { Mistake } from '../mistake.js'
import { createProgress } from '../progress.js'
import { grouped } from '../table.js'

interface FeedsProgress {
  readonly event: 'progress'
  readonly feeds: number
  readonly totalFeeds: number
  readonly messages: number
}

/**
 * Shows how far work over all feeds is, and gives its result.
 * @throws {Mistake} where the node ends without one
 */
export async function resultOf<Done extends { readonly event: 'done' }>(
  label: string,
  work: AsyncIterable<FeedsProgress | Done>,
): Promise<Omit<Done, 'event'>> {
  const progress = await createProgress(label)
  try {
    for await (const item of work) {
      if (item.event === 'done') {
        const { event, ...result } = item
        return result
      }
      progress.update(item.feeds, item.totalFeeds, `${grouped(item.messages)} messages`)
    }
  } finally {
    progress.end()
  }
  throw new Mistake(`the node ended the ${label} without a result`)
}
