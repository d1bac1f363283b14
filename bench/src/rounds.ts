import type { Bench } from './bench.js'
import type { Dataset } from './dataset.js'
import type { PeerSamples } from './figure.js'
import { Cannot, type Subject } from './subjects/subject.js'

export interface Paired {
  /** Dunbar's, one a round. */
  readonly samples: readonly number[]
  readonly peers: Readonly<Record<string, PeerSamples>>
}

/**
 * Measures the same work by every subject in turn, A B A B, so that a machine whose speed drifts
 * drifts for all. A peer that throws `Cannot` gets a dash and its reason.
 */
export async function inTurn(
  bench: Bench,
  /** Without: dunbar alone. */
  isPaired: boolean,
  measure: (subject: Subject, round: number) => Promise<number>,
  rounds = bench.settings.samples,
): Promise<Paired> {
  const measureOne = async (subject: Subject, round: number) => ({
    one: await measure(subject, round),
  })
  return (await severalInTurn(bench, isPaired, measureOne, rounds)).one
}

/** As `inTurn`, for work that gives several figures; a peer may do without some of them. */
export async function severalInTurn<Name extends string>(
  bench: Bench,
  isPaired: boolean,
  measure: (subject: Subject, round: number) => Promise<Record<Name, number | Cannot>>,
  rounds = bench.settings.samples,
): Promise<Record<Name, Paired>> {
  const peers = isPaired ? bench.peers : []
  const taken = new Map<Subject, Record<Name, number | Cannot>[] | Cannot>()
  for (let round = 1; round <= rounds; round++) {
    for (const subject of [bench.dunbar, ...peers]) {
      const earlier = taken.get(subject) ?? []
      if (earlier instanceof Cannot) continue
      bench.progress.say(`${subject.name}, round ${round}`)
      try {
        taken.set(subject, [...earlier, await measure(subject, round)])
      } catch (error) {
        if (!(error instanceof Cannot) || subject === bench.dunbar) throw error
        taken.set(subject, error)
      }
    }
  }
  const samplesOf = (subject: Subject, name: Name): PeerSamples => {
    const all = taken.get(subject) ?? []
    const samples = all instanceof Cannot ? [all] : all.map((figures) => figures[name])
    const reason = samples.find((sample) => sample instanceof Cannot)
    return reason === undefined
      ? { samples: samples as readonly number[] }
      : { cannot: reason.message }
  }
  const paired = (name: Name): Paired => {
    const own = samplesOf(bench.dunbar, name)
    if ('cannot' in own) throw new Error(own.cannot)
    const theirs = Object.fromEntries(peers.map((peer) => [peer.name, samplesOf(peer, name)]))
    return { ...own, peers: isPaired ? { ...bench.absent, ...theirs } : {} }
  }
  const first = (taken.get(bench.dunbar) as Record<Name, number>[])[0]!
  const names = Object.keys(first) as Name[]
  return Object.fromEntries(names.map((name) => [name, paired(name)])) as Record<Name, Paired>
}

/**
 * As `inTurn`, for what does not depend on how fast anything is: all rounds of a subject at once, so
 * that they share the time in which they rest. `measure` gives one sample a round.
 */
export async function atOnce(
  bench: Bench,
  isPaired: boolean,
  measure: (subject: Subject) => Promise<readonly number[]>,
): Promise<Paired> {
  const measureOne = async (subject: Subject) => {
    bench.progress.say(`${subject.name}, all rounds`)
    return measure(subject)
  }
  const samples = await measureOne(bench.dunbar)
  if (!isPaired) return { samples, peers: {} }
  const peers: Record<string, PeerSamples> = { ...bench.absent }
  for (const peer of bench.peers) peers[peer.name] = { samples: await measureOne(peer) }
  return { samples, peers }
}

/** The data of this run, and, where peers take part, what they share with dunbar: fewer messages in a short run. */
export async function datasetsOf(
  bench: Bench,
): Promise<readonly { readonly dataset: Dataset; readonly isPaired: boolean }[]> {
  const { messages, pairedMessages, file } = bench.settings
  const whole = { dataset: await bench.dataset(), isPaired: true }
  if (bench.peers.length === 0 || pairedMessages >= messages || file !== null) return [whole]
  const small = await bench.dataset({ messages: pairedMessages })
  return [
    { ...whole, isPaired: false },
    { dataset: small, isPaired: true },
  ]
}

/** The same, for what is measured without peers where there is no time for them. */
export async function datasetsAsTimeAllows(bench: Bench): ReturnType<typeof datasetsOf> {
  if (bench.settings.pairsAll) return datasetsOf(bench)
  return [{ dataset: await bench.dataset(), isPaired: false }]
}

const MOST_FEEDS = 5_000

/** The same number of messages in few feeds and in many: 150 and 5,000, where nothing else is asked for. */
export async function fewAndMany(
  bench: Bench,
): Promise<{ readonly few: Dataset; readonly many: Dataset }> {
  const { feeds, messages } = bench.settings
  const most = Math.min(MOST_FEEDS, messages, Math.round((feeds * 100) / 3))
  return {
    few: await bench.dataset({ feeds }),
    many: await bench.dataset({ feeds: Math.max(most, feeds + 1) }),
  }
}
