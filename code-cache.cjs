const { spawn } = require('node:child_process')
const { createHash } = require('node:crypto')
const { once } = require('node:events')
const { mkdtempSync, renameSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { createInterface } = require('node:readline')
const vm = require('node:vm')
const { BroadcastChannel, isMainThread, threadId } = require('node:worker_threads')

/**
 * Keeps what V8 makes of the bundle beside it: the code of all that runs when a node starts, so that
 * a start compiles nothing. Runs a node with this same file preloaded, which remembers the scripts
 * of the bundle in each of its threads, and asks the threads for their code once the node is ready.
 */
const PROGRAM = join(__dirname, 'packages/cli/bin/dunbar.js')
const BUNDLES = ['main', 'feed-shard']
/** Far more than a start takes on any machine. */
const GIVE_UP_MS = 60_000

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
  try {
    // With a message and indexes in the folder, the start that counts is one like all later ones.
    await ended(run(['publish', '--type', 'post', '--text', 'hello', '--path', folder]))
    const node = run(['start', '--json', '--path', folder], ['--require', __filename])
    for await (const _ready of createInterface({ input: node.stdout })) break
    const missing = new Set(BUNDLES)
    node.on('message', (name) => {
      if (missing.delete(name) && missing.size === 0) node.kill()
    })
    node.send('write')
    await ended(node)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function run(words, nodeOptions = []) {
  return spawn(process.execPath, [...nodeOptions, PROGRAM, ...words], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    env: { ...process.env, DUNBAR_LOG_LEVEL: 'warn' },
    timeout: GIVE_UP_MS,
    killSignal: 'SIGKILL',
  })
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
