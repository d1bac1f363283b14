/**
 * The program in a few files: a start reads some ten of them instead of several hundred, on each
 * thread. What `tsc` compiled is what is bundled; packages with native code stay outside.
 */
const threadEntries = ['feed-shard', 'cpu']

/** In the bundle, the entry of a thread lies beside the file that starts it. */
const localThreadEntries = {
  name: 'local-thread-entries',
  transform(code) {
    let changed = code
    for (const name of threadEntries) {
      changed = changed.replaceAll(
        `import.meta.resolve('@dunbar/workers/${name}')`,
        `new URL('./${name}.js', import.meta.url).href`,
      )
    }
    return changed === code ? null : { code: changed, map: null }
  },
}

// biome-ignore lint/style/noDefaultExport: rolldown reads the default export
export default {
  input: {
    main: 'packages/cli/dist/main.js',
    'feed-shard': 'workers/dist/feed-shard.js',
    cpu: 'workers/dist/cpu.js',
  },
  platform: 'node',
  external: [
    /^node:/,
    /^secret-handshake/,
    'sodium-native',
    '@node-rs/crc32',
    'piscina',
    'pino-pretty',
  ],
  plugins: [localThreadEntries],
  output: {
    dir: 'packages/cli/bundle',
    cleanDir: true,
    format: 'esm',
    chunkFileNames: '[name]-[hash].js',
  },
}
