const { spawn } = require('node:child_process')
const { createHash } = require('node:crypto')
const { once } = require('node:events')
const { createWriteStream, mkdtempSync, renameSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { createInterface } = require('node:readline')
const { pipeline } = require('node:stream/promises')
const vm = require('node:vm')
const { BroadcastChannel, isMainThread, threadId } = require('node:worker_threads')

/**
 * Keeps what V8 makes of the bundle beside it: the code of all that runs when a node starts, answers
 * its first questions and meets its first peer, so that none of these compiles anything. Runs a node
 * with this same file preloaded, which remembers the scripts of the bundle in each of its threads,
 * and asks the threads for their code once the node has done all that.
 */
const PROGRAM = join(__dirname, 'packages/cli/bin/dunbar.js')
const BUNDLES = ['main', 'feed-shard']
/** Heard by this machine alone. */
const ALONE = { DUNBAR_HOST: '127.0.0.1', DUNBAR_PORT: '0' }
/** Enough of one feed that the cpu pool checks some. */
const MESSAGES = 2_000
/** Far more than a start takes on any machine. */
const GIVE_UP_MS = 60_000
/** All that were started; none outlives a failure. */
const children = []

if (require.main === module) {
  make().catch((error) => {
    // The program works without, only starts more slowly: no reason to refuse an installation.
    console.error(`code-cache: the program will start more slowly: ${error.message}`)
  })
} else {
  record()
}

async function make() {
  const folder = mkdtempSync(join(tmpdir(), 'dunbar-'))
  const [path, peerPath, file] = ['node', 'peer', 'messages.jsonl'].map((name) =>
    join(folder, name),
  )
  try {
    // With a message and indexes in the folder, the start that counts is one like all later ones.
    await ended(run(['publish', '--type', 'post', '--text', 'hello', '--path', path]))
    const generator = run(['generate', '--feeds', '1', '--messages', `${MESSAGES}`, '--seed', '1'])
    const isWritten = pipeline(generator.stdout, createWriteStream(file))
    await Promise.all([ended(generator), isWritten])
    // With one shard, its thread meets everything.
    const words = ['start', '--json', '--shards', '1', '--path', path]
    const node = run(words, ['--require', __filename])
    const peer = run(['start', '--json', '--path', peerPath])
    const [, { address }] = await Promise.all([ready(node), ready(peer)])
    await use(path, file, peerPath, address)
    const missing = new Set(BUNDLES)
    node.on('message', (name) => {
      if (missing.delete(name) && missing.size === 0) node.kill()
    })
    node.send('write')
    peer.kill()
    await Promise.all([ended(node), ended(peer)])
  } finally {
    for (const child of children) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What a node is asked first, an import, and an exchange of messages with a peer. */
async function use(path, file, peerPath, address) {
  const { connect } = await import('./packages/client/dist/index.js')
  const [client, peer] = await Promise.all([connect({ path }), connect({ path: peerPath })])
  const { id } = await client.whoami()
  const { key } = await client.publish({ type: 'post', text: 'root' })
  await client.publish({ type: 'post', text: 'reply', root: key, branch: key })
  await toEnd(client.node.import({ file }))
  await Promise.all([client.get(key), client.getLatest(id), client.status()])
  await toEnd(client.tangle.read({ root: key }))
  await toEnd(client.createUserStream({ id }))
  await toEnd(client.createLogStream())
  await toEnd(client.messagesByType('post'))
  const { value } = await peer.publish({ type: 'post', text: 'hello' })
  const feeds = [value.author]
  for await (const feed of client.feeds.list()) feeds.push(feed.id)
  for (const feed of feeds) {
    await client.call('ebt.request', feed, true)
    await peer.call('ebt.request', feed, true)
  }
  const exchanged = Promise.all([
    count(client.createHistoryStream({ id: value.author, live: true }), 1),
    count(peer.createLogStream({ live: true, sync: false }), MESSAGES),
  ])
  await client.call('conn.connect', address)
  await exchanged
  await Promise.all([client.close(), peer.close()])
}

async function count(stream, wanted) {
  let left = wanted
  for await (const _ of stream) if (--left === 0) return
}

const toEnd = (stream) => count(stream, Number.POSITIVE_INFINITY)

function run(words, nodeOptions = []) {
  const child = spawn(process.execPath, [...nodeOptions, PROGRAM, ...words], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    env: { ...process.env, ...ALONE, DUNBAR_LOG_LEVEL: 'warn' },
    timeout: GIVE_UP_MS,
    killSignal: 'SIGKILL',
  })
  children.push(child)
  return child
}

/** What a node says when it answers. */
async function ready(node) {
  for await (const line of createInterface({ input: node.stdout })) {
    const said = JSON.parse(line)
    if (said.event === 'ready') return said
  }
  throw new Error('a node ended before it was ready')
}

async function ended(child) {
  child.stdout.resume()
  const [exitCode, signal] = await once(child, 'exit')
  if (exitCode !== 0) throw new Error(`dunbar ended with ${exitCode ?? signal}`)
}

function record() {
  const scripts = new Map()
  vm.Script = class extends vm.Script {
    constructor(code, options) {
      super(code, options)
      scripts.set(options.filename, this)
    }
  }
  const channel = new BroadcastChannel('code-cache')
  const tell = (name) => (isMainThread ? process.send(name) : channel.postMessage(name))
  const write = () => {
    for (const name of BUNDLES) {
      const path = join(__dirname, `packages/cli/bundle/${name}.cjs`)
      const script = scripts.get(path)
      if (script === undefined) continue
      const made = `${path}.cache.${threadId}`
      const code = script.createCachedData()
      // Before it its hash, by which `load-bundle.js` knows that it is whole.
      writeFileSync(made, Buffer.concat([createHash('sha256').update(code).digest(), code]))
      renameSync(made, `${path}.cache`)
      tell(name)
    }
  }
  channel.onmessage = ({ data }) => {
    if (data === 'write') write()
    else if (isMainThread) tell(data)
  }
  channel.unref()
  if (!isMainThread) return
  process.on('message', (message) => {
    channel.postMessage(message)
    write()
  })
  process.channel.unref()
}
