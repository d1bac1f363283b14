import { generateKeys } from '@dunbar/core'
import { dialTcp, methodTable } from '@dunbar/wire'

/** A peer as a process: reads the stream that `wire-figures.ts` serves and ends. */
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
let count = 0
for await (const batch of connection.rawDuplex('replicate', [], silence)) {
  count += batch.count
  if (count >= Number(messages)) break
}
await connection.close()
