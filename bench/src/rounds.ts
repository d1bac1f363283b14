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
): Promise<Paired> {
  const samples: number[] = []
  const taken = new Map((isPaired ? bench.peers : []).map(({ name }) => [name, [] as number[]]))
  const peers: Record<string, PeerSamples> = isPaired ? { ...bench.absent } : {}
  for (let round = 1; round <= bench.settings.samples; round++) {
    bench.progress.say(`dunbar, round ${round}`)
    samples.push(await measure(bench.dunbar, round))
    for (const peer of bench.peers) {
      if (!taken.has(peer.name)) continue
      bench.progress.say(`${peer.name}, round ${round}`)
      try {
        taken.get(peer.name)!.push(await measure(peer, round))
      } catch (error) {
        if (!(error instanceof Cannot)) throw error
        taken.delete(peer.name)
        peers[peer.name] = { cannot: error.message }
      }
    }
  }
  for (const [name, theirs] of taken) peers[name] = { samples: theirs }
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
