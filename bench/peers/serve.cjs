// A peer of another make as a child process of the harness: requests `{ id, op, args }` come over
// IPC, answers `{ id, value }`, `{ id, error }` or `{ id, cannot }` go back. The process ends with
// its parent. All times are taken here, around the calls of the peer's own API, so that IPC is no
// part of them; a node of dunbar's is timed at its client, with the socket.
'use strict'
const { createHash } = require('node:crypto')
const { createReadStream } = require('node:fs')
const { createInterface } = require('node:readline')

/** A file is not read further ahead of the peer than so many messages: in batches it is fastest. */
const IN_FLIGHT = 10_000

/**
 * @param peer what this make of peer does, in the terms that all makes share:
 *   `address()`, `add(value)`, `publish(content)` gives a key, `questions` by kind give messages,
 *   `clock()`, `head(id)`, `indexed(types)`, `onMessage(listener)`, `request(id)`,
 *   `connect(address)`, `close()`; all but `onMessage` may give promises. `settled()`, where it is
 *   there, waits for what it writes without being asked.
 */
exports.serve = async (id, peer) => {
  const clock = new Map(Object.entries(await peer.clock()))
  let held = 0
  for (const sequence of clock.values()) held += sequence
  const looks = new Set()
  peer.onMessage(({ author, sequence }) => {
    held += 1
    clock.set(author, sequence)
    for (const look of looks) look()
  })
  /** Resolves when it is so; asked again at each message. */
  const until = (isSo) =>
    new Promise((resolve) => {
      const look = () => {
        if (!isSo()) return
        looks.delete(look)
        resolve()
      }
      looks.add(look)
      look()
    })

  const operations = {
    load: async (file, types) => {
      const startedAt = performance.now()
      const messages = await loadFile(file, peer)
      await peer.indexed(types)
      const seconds = (performance.now() - startedAt) / 1000
      await peer.settled?.()
      return { messages, seconds }
    },
    publish: async (content) => {
      const startedAt = performance.now()
      const key = await peer.publish(content)
      return { key, ms: performance.now() - startedAt }
    },
    publishAll: async (contents) => {
      const startedAt = performance.now()
      const keys = await Promise.all(contents.map((content) => peer.publish(content)))
      return { keys, ms: performance.now() - startedAt }
    },
    ask: async (query) => {
      const question = peer.questions[query.kind]
      if (question === undefined) throw new Cannot(`it has no question "${query.kind}"`)
      const startedAt = performance.now()
      const messages = await question(query)
      const ms = performance.now() - startedAt
      const keys = [...new Set(messages.map(({ key }) => key))].sort()
      const digest = createHash('sha256').update(keys.join('\n')).digest('hex')
      return { ms, messages: keys.length, digest }
    },
    heads: (ids) => Promise.all(ids.map((each) => peer.head(each))),
    request: async (ids) => {
      for (const each of ids) await peer.request(each)
    },
    connect: (address) => peer.connect(address),
    holdsInAll: (messages) => until(() => held >= messages),
    holds: (feed, sequence) => until(() => (clock.get(feed) ?? 0) >= sequence),
    close: () => peer.close(),
  }

  process.on('message', async ({ id, op, args }) => {
    try {
      process.send({ id, value: (await operations[op](...args)) ?? null })
    } catch (error) {
      if (error instanceof Cannot) process.send({ id, cannot: error.message })
      else process.send({ id, error: String(error?.stack ?? error) })
    }
    if (op === 'close') process.disconnect()
  })
  process.send({ event: 'ready', id, address: await peer.address() })
}

process.on('disconnect', () => process.exit(0))

/** What this make of peer has no means for; the reason is printed in the place of a figure. */
class Cannot extends Error {}
exports.Cannot = Cannot

async function loadFile(file, peer) {
  let messages = 0
  let open = 0
  let failed = null
  let wake = () => {}
  const settle = () => {
    open -= 1
    wake()
  }
  for await (const line of createInterface({ input: createReadStream(file) })) {
    messages += 1
    open += 1
    peer.add(JSON.parse(line).value).then(settle, (error) => {
      failed = error
      settle()
    })
    while (open >= IN_FLIGHT) await new Promise((resolve) => (wake = resolve))
  }
  while (open > 0) await new Promise((resolve) => (wake = resolve))
  if (failed !== null) throw failed
  return messages
}

/** Calls a function with a callback as a promise. */
exports.called = (method, ...args) =>
  new Promise((resolve, reject) => {
    method(...args, (error, value) => (error ? reject(error) : resolve(value)))
  })

/** Everything that a pull-stream source gives. */
exports.collected = (source) =>
  new Promise((resolve, reject) => {
    const items = []
    const next = (end, item) => {
      if (end === true) return resolve(items)
      if (end) return reject(end)
      items.push(item)
      source(null, next)
    }
    source(null, next)
  })

/** What that the harness gave: `{ path, port, networkKey }`, the key base64 or null. */
exports.settings = () => JSON.parse(process.argv[2])

/** For secret-stack: reachable on loopback alone, and nothing that is not asked for. */
exports.connections = (port) => ({
  incoming: {
    net: [{ scope: 'public', host: '127.0.0.1', port, transform: 'shs' }],
  },
  outgoing: { net: [{ transform: 'shs' }] },
})
