import { rmSync } from 'node:fs'

/**
 * The program in one file a thread: a start reads a few files instead of several hundred. What `tsc`
 * compiled is what is bundled; `code-cache.cjs` then adds what V8 makes of it.
 */
const folder = 'packages/cli/bundle'

/** Where the program starts a thread: what is said in the packages, and what in the bundle. */
const threadEntries = {
  "import.meta.resolve('@dunbar/workers/feed-shard')":
    "new URL('../bin/feed-shard.js', import.meta.url).href",
  "import.meta.resolve('@dunbar/workers/cpu')": "new URL('./cpu.cjs', import.meta.url).href",
}

const localThreadEntries = {
  name: 'local-thread-entries',
  transform(code) {
    let changed = code
    for (const [from, to] of Object.entries(threadEntries)) changed = changed.replaceAll(from, to)
    return changed === code ? null : { code: changed, map: null }
  },
}

/**
 * Looking for the native part of sodium-native in all the places where it might be takes ten times
 * as long as loading it. It is looked for only where it is not in the usual one.
 */
const nativeSodium = {
  name: 'native-sodium',
  transform(_code, id) {
    if (!id.endsWith('/sodium-native/binding.js')) return null
    const code = `
      try {
        const host = process.platform + '-' + process.arch
        module.exports = require('sodium-native/prebuilds/' + host + '/sodium-native.node')
      } catch {
        module.exports = require('sodium-native/binding.js')
      }`
    return { code, map: null }
  },
}

/** The pool starts its threads from a file that lies beside its own. */
const poolWorkerFile = {
  name: 'pool-worker-file',
  transform(code, id) {
    if (!id.endsWith('/piscina/dist/index.js')) return null
    const changed = code.replace(
      "(0, node_path_1.resolve)(__dirname, 'worker.js')",
      "(0, node_path_1.resolve)(require.resolve('piscina'), '../worker.js')",
    )
    if (changed === code) throw new Error('piscina starts its threads in another way')
    return { code: changed, map: null }
  },
}

/** Code that V8 made of an earlier bundle must not be run with this one. */
const withoutCodeCache = (name) => ({
  name: 'without-code-cache',
  generateBundle: () => rmSync(`${folder}/${name}.cjs.cache`, { force: true }),
})

/** V8 keeps the source, and a text with a single other letter takes it twice the memory. */
const asciiOnly = {
  name: 'ascii-only',
  generateBundle(_options, files) {
    const escaped = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
    for (const file of Object.values(files)) {
      file.code = file.code.replace(/[^\0-\x7f]/g, escaped)
    }
  },
}

const bundle = (name, input) => ({
  input: { [name]: input },
  platform: 'node',
  external: [
    /^node:/,
    /^secret-handshake/,
    /^sodium-native\/binding\.js$/,
    '@node-rs/crc32',
    'pino-pretty',
  ],
  plugins: [localThreadEntries, nativeSodium, poolWorkerFile, asciiOnly, withoutCodeCache(name)],
  output: {
    dir: folder,
    entryFileNames: '[name].cjs',
    format: 'cjs',
    codeSplitting: false,
    // V8 does not keep with its code how `import()` is done.
    dynamicImportInCjs: false,
    comments: { legal: true, annotation: false, jsdoc: false },
  },
})

// biome-ignore lint/style/noDefaultExport: rolldown reads the default export
export default [
  bundle('main', 'packages/cli/dist/main.js'),
  bundle('feed-shard', 'workers/dist/feed-shard.js'),
  bundle('cpu', 'workers/dist/cpu.js'),
]
