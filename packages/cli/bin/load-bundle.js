const { createHash } = require('node:crypto')
const { readFileSync } = require('node:fs')
const { createRequire } = require('node:module')
const { join } = require('node:path')
const { Script } = require('node:vm')

const HASH_BYTES = 32

/**
 * Runs a file of the bundle with the code that V8 made of it when it was built, which takes a third
 * of the time of compiling it. V8 refuses what another version of Node made, and compiles then. It
 * does not notice when the source has changed but is as long as before, so whatever writes a bundle
 * removes its `.cache`; and it crashes on code that a disk lost in part, so that begins with its hash.
 */
module.exports = function loadBundle(name) {
  const folder = join(__dirname, '../bundle')
  const filename = join(folder, `${name}.cjs`)
  const code = readFileSync(filename, 'utf8')
  const script = new Script(
    `(function (exports, require, module, __filename, __dirname) {${code}\n})`,
    { filename, cachedData: readWhole(`${filename}.cache`) },
  )
  const made = { exports: {} }
  script.runInThisContext()(made.exports, createRequire(filename), made, filename, folder)
}

/** Undefined for whatever is not just as it was written. */
function readWhole(path) {
  let file
  try {
    file = readFileSync(path)
  } catch {
    return undefined
  }
  const code = file.subarray(HASH_BYTES)
  return createHash('sha256').update(code).digest().equals(file.subarray(0, HASH_BYTES))
    ? code
    : undefined
}
