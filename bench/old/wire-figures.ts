import { fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generateKeys, randomBytes, secretbox } from '@dunbar/core'
import { type Method, methodTable, RawBatch, serveTcp } from '@dunbar/wire'
import type { Figure } from './report.js'

const MESSAGE_BYTES = 500
/** What a shard hands over at a time. */
const PIECE_MESSAGES = 128
const PACKET_BYTES = 4096
const MESSAGES = 200_000

const usedMicros = (): number => {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** Serving a feed to an encrypted peer, which is another process. */
export async function wireFigures(folder: string, samples: number): Promise<Figure[]> {
  const file = join(folder, 'piece')
  const message = Buffer.from(JSON.stringify('x'.repeat(MESSAGE_BYTES - 2)))
  writeFileSync(file, Buffer.concat(new Array(PIECE_MESSAGES).fill(message)))
  const sealing = Array.from({ length: samples }, sealingMicros)
  const serving: number[] = []
  for (let sample = 0; sample < samples; sample++) serving.push(await servingMicros(file))
  return [
    {
      name: 'serving to a peer over TCP, CPU per 500-byte message',
      unit: 'µs',
      samples: serving,
      limit: { value: Math.min(...sealing), what: 'libsodium sealing as many bytes' },
      goal: { most: 12 },
    },
  ]
}

/** Sealing full packets and nothing else, for each 500 bytes. */
function sealingMicros(): number {
  const [body, nonce, key] = [randomBytes(PACKET_BYTES), randomBytes(24), randomBytes(32)]
  const rounds = 5_000
  const beganAt = usedMicros()
  for (let round = 0; round < rounds; round++) secretbox(body, nonce, key)
  return ((usedMicros() - beganAt) / (rounds * PACKET_BYTES)) * MESSAGE_BYTES
}

async function servingMicros(file: string): Promise<number> {
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
      for (let sent = 0; sent < MESSAGES; sent += PIECE_MESSAGES) {
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
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  const reader = fork(fileURLToPath(new URL('./wire-reader.js', import.meta.url)), [
    String(server.port),
    hex(keys.publicKey),
    hex(networkKey),
    String(MESSAGES),
  ])
  await once(reader, 'exit')
  const spentMicros = usedMicros() - beganAt
  await server.close()
  closeSync(descriptor)
  return spentMicros / MESSAGES
}
