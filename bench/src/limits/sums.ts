import type { Bench } from '../bench.js'
import type { Limit } from '../figure.js'
import { PACKET_BYTES } from './index.js'

/** Round by round, what all parts take together. */
const summed = (what: string, ...parts: readonly (readonly number[])[]): Limit => ({
  what,
  samples: parts[0]!.map((_, round) => parts.reduce((sum, part) => sum + part[round]!, 0)),
})

const scaled = (samples: readonly number[], of: (sample: number) => number): number[] =>
  samples.map(of)

/** µs of CPU for the check of a message: parsed, printed, hashed, its signature verified. */
export const checkingLimit = async (bench: Bench): Promise<Limit> =>
  summed('parsing, printing, hashing and verifying alone', ...(await checking(bench)))

/** µs of CPU for a message that leaves in a box of packets; `bytes`: its length. */
export async function sendingLimit(bench: Bench, bytes: number): Promise<Limit> {
  const packets = await bench.limit('boxes.seal.packet')
  return summed('libsodium sealing as many bytes', shareOf(packets, bytes))
}

/** µs of CPU for a message that comes in a box of packets and is checked. */
export async function receivingLimit(bench: Bench, bytes: number): Promise<Limit> {
  const packets = await bench.limit('boxes.open.packet')
  return summed(
    'opening, parsing, printing, hashing and verifying alone',
    shareOf(packets, bytes),
    ...(await checking(bench)),
  )
}

/** ms from one that signs and keeps a message to another that checks and keeps it. */
export async function livingLimit(bench: Bench): Promise<Limit> {
  const writes = await bench.limit('syncedWrite')
  return summed(
    'a signature, its check and two synced writes alone',
    scaled(await bench.limit('signing'), (rate) => 1e3 / rate),
    scaled(await bench.limit('signatures.one'), (rate) => 1e3 / rate),
    writes,
    writes,
  )
}

/** Handles of a program that has a file of each feed open. */
export async function handlesLimit(bench: Bench, feeds: number): Promise<Limit> {
  const bare = await bench.limit('node.handles')
  return summed(
    'those of Node and one for each feed',
    scaled(bare, (handles) => handles + feeds),
  )
}

const checking = async (bench: Bench): Promise<readonly (readonly number[])[]> => [
  await bench.limit('parsePrint'),
  await bench.limit('sha256'),
  scaled(await bench.limit('signatures.one'), (rate) => 1e6 / rate),
]

const shareOf = (packets: readonly number[], bytes: number): number[] =>
  scaled(packets, (micros) => (micros * bytes) / PACKET_BYTES)
