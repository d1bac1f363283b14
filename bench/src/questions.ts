import type { Bench } from './bench.js'
import type { Dataset } from './dataset.js'
import { severalInTurn } from './rounds.js'
import { median, timeEach } from './statistics.js'
import { isDunbar, type RunningDunbar, streamOf } from './subjects/dunbar.js'
import { type Answer, Cannot, type Query, type RunningSubject } from './subjects/subject.js'

/** Something that every subject is asked, and what is known of the answer. */
export interface Question {
  /** Its figures are `ID.first`, after a start, and `ID.warm`. */
  readonly id: string
  /** "the largest thread". */
  readonly title: string
  readonly query: Query
  /** Messages in the answer; null where all that is known is that the subjects must agree. */
  readonly messages: number | null
  /** How often it is asked again in a round. */
  readonly repeats: number
}

const PARSINGS = 5

/**
 * Asks every subject in turn and records what they took, beside the time that parsing the answer
 * takes alone. A round is one start of each subject on a loaded folder; the questions come one after
 * the other, so `first` is the first time that the node is asked this, not that it is asked anything.
 * @throws {Error} an answer has too many messages or too few, or two subjects disagree
 */
export async function recordAnswers(
  bench: Bench,
  { dataset, isPaired }: { readonly dataset: Dataset; readonly isPaired: boolean },
  questions: readonly Question[],
  /** Asked before all others and not kept: warms the program, where only the data shall be cold. */
  before?: Query,
): Promise<void> {
  const digests = new Map<string, string>()
  const calls = new Map(questions.map(({ id }) => [id, [] as number[]]))
  const parsings = new Map(questions.map(({ id }) => [id, [] as number[]]))
  const askAndCheck = async (running: RunningSubject, { id, query, messages }: Question) => {
    const answer = await running.ask(query)
    assertRight(running, id, answer, messages, digests.get(id))
    digests.set(id, answer.digest)
    return answer.ms
  }
  const measured = await severalInTurn(bench, isPaired, async (subject) => {
    const running = await subject.start(await bench.loaded(dataset, subject))
    try {
      if (before !== undefined) await running.ask(before)
      const taken: Record<string, number | Cannot> = {}
      for (const question of questions) {
        const { id, repeats } = question
        try {
          taken[`${id}.first`] = await askAndCheck(running, question)
          const times: number[] = []
          for (let time = 0; time < repeats; time++)
            times.push(await askAndCheck(running, question))
          taken[`${id}.warm`] = median(times)
          if (!isDunbar(running)) continue
          calls.get(id)!.push(...times)
          parsings.get(id)!.push(await parsingMs(running, question.query))
        } catch (error) {
          if (!(error instanceof Cannot)) throw error
          taken[`${id}.first`] = error
          taken[`${id}.warm`] = error
        }
      }
      return taken
    } finally {
      await running.stop()
    }
  })
  for (const { id, title } of questions) {
    const shared = {
      unit: 'ms',
      better: 'less',
      size: dataset,
      limit: { what: 'parsing it', samples: parsings.get(id)! },
    } as const
    bench.record({
      ...shared,
      ...measured[`${id}.first`]!,
      id: `${id}.first`,
      title: `${title}, first`,
    })
    bench.record({
      ...shared,
      ...measured[`${id}.warm`]!,
      id: `${id}.warm`,
      title: `${title}, warm`,
      calls: calls.get(id)!,
    })
  }
}

/** @throws {Error} it is not the answer that the data or another subject gives */
export function assertRight(
  { name }: RunningSubject,
  what: string,
  answer: Answer,
  messages: number | null,
  digest: string | undefined,
): void {
  if (messages !== null && answer.messages !== messages) {
    throw new Error(`${name}, ${what}: ${answer.messages} messages in the place of ${messages}`)
  }
  if (digest !== undefined && answer.digest !== digest) {
    throw new Error(
      `${name}, ${what}: ${answer.messages} messages, not those that were given before`,
    )
  }
}

/** What a client would take to parse the answer, had it all of it in memory. */
export async function parsingMs({ client }: RunningDunbar, query: Query): Promise<number> {
  const [method, options] = streamOf(query)
  const items: Buffer[] = []
  for await (const item of client.rawSource(method, options)) items.push(Buffer.from(item))
  const times = await timeEach(PARSINGS, async () => {
    for (const item of items) JSON.parse(item.toString())
  })
  return median(times)
}
