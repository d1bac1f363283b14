import { createSha256, generateKeys } from '@dunbar/core'
import { dialTcp, methodTable } from '@dunbar/wire'

/** A peer as a process: reads the stream that `serving.ts` serves, and prints the SHA-256 of what came. */
const [port, remoteKey, networkKey, messages] = process.argv.slice(2)

const { connection } = await dialTcp({
  host: '127.0.0.1',
  port: Number(port),
  remoteKey: Buffer.from(remoteKey!, 'hex'),
  keys: generateKeys(),
  networkKey: Buffer.from(networkKey!, 'hex'),
  methods: methodTable([]),
})
const silence: AsyncIterable<never> = {
  [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
}
const hash = createSha256()
let count = 0
for await (const batch of connection.rawDuplex('replicate', [], silence)) {
  hash.update(batch.lines())
  count += batch.count
  if (count >= Number(messages)) break
}
await connection.close()
process.stdout.write(Buffer.from(hash.digest()).toString('hex'))
