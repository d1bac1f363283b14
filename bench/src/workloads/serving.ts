import { closeSync, openSync, readSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createSha256, generateKeys, randomBytes } from '@dunbar/core'
import { type Method, methodTable, RawBatch, serveTcp } from '@dunbar/wire'
import type { Bench, Workload } from '../bench.js'
import { spawnNode } from '../process.js'

const MESSAGE_BYTES = 500
/** What a shard hands over at a time. */
const PIECE_MESSAGES = 128
const PIECES = 1_600
const MESSAGES = PIECES * PIECE_MESSAGES
const PACKET_BYTES = 4_096
const MESSAGE = Buffer.from(JSON.stringify('x'.repeat(MESSAGE_BYTES - 2)))
const READER = fileURLToPath(new URL('./serving-reader.js', import.meta.url))

/** What the wire takes of this process, which reads a feed and serves it to an encrypted peer in another. */
export const serving: Workload = {
  name: 'serving',
  title: 'a feed served to a peer over TCP',
  isShort: true,
  async run(bench) {
    const packets = await bench.limit('boxes.seal.packet')
    const file = bench.freshPath('piece')
    writeFileSync(file, Buffer.concat(new Array(PIECE_MESSAGES).fill(MESSAGE)))
    const samples: number[] = []
    for (let round = 1; round <= bench.settings.samples; round++) {
      bench.progress.say(`round ${round}`)
      samples.push(await servingMicros(bench, file))
    }
    bench.record({
      id: 'serving.cpu',
      title: 'serving to a peer over TCP, CPU per 500-byte message',
      unit: 'µs/message',
      better: 'less',
      size: { feeds: 1, messages: MESSAGES },
      samples,
      limit: {
        what: 'libsodium sealing as many bytes',
        samples: packets.map((micros) => (micros * MESSAGE_BYTES) / PACKET_BYTES),
      },
    })
  },
}

async function servingMicros(bench: Bench, file: string): Promise<number> {
  const descriptor = openSync(file, 'r')
  const ranges = Uint32Array.from(
    { length: PIECE_MESSAGES * 2 },
    (_, i) => ((i + 1) >> 1) * MESSAGE_BYTES,
  )
  let beganAt = 0
  const replicate: Method = {
    name: 'replicate',
    type: 'duplex',
    rawInput: true,
    async *handler() {
      beganAt = usedMicros()
      for (let sent = 0; sent < PIECES; sent++) {
        const piece = Buffer.allocUnsafeSlow(PIECE_MESSAGES * MESSAGE_BYTES)
        readSync(descriptor, piece, 0, piece.length, 0)
        yield RawBatch.ofRanges(piece, ranges)
      }
    },
  }
  const methods = methodTable([replicate])
  const [keys, networkKey] = [generateKeys(), randomBytes(32)]
  const server = await serveTcp({
    host: '127.0.0.1',
    port: 0,
    keys,
    networkKey,
    authorize: () => true,
    methodsFor: () => methods,
    onPeer: () => {},
  })
  try {
    const { placement } = bench.settings
    const reader = spawnNode(
      READER,
      [String(server.port), hex(keys.publicKey), hex(networkKey), String(MESSAGES)],
      { ...placement, nodeFlags: [] },
    )
    let digest = ''
    for await (const text of reader.stdout!.setEncoding('utf8')) digest += text
    const spentMicros = usedMicros() - beganAt
    if (digest !== digestOfAll()) throw new Error('the peer read something else')
    return spentMicros / MESSAGES
  } finally {
    await server.close()
    closeSync(descriptor)
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Of all messages with a newline behind each. */
function digestOfAll(): string {
  const hash = createSha256()
  const lines = Buffer.concat(
    Array.from({ length: PIECE_MESSAGES }, () => [MESSAGE, Buffer.from('\n')]).flat(),
  )
  for (let count = 0; count < PIECES; count++) hash.update(lines)
  return hex(hash.digest())
}

const usedMicros = (): number => {
  const { user, system } = process.cpuUsage()
  return user + system
}
