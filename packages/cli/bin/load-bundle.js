const { readFileSync } = require('node:fs')
const { createRequire } = require('node:module')
const { join } = require('node:path')
const { Script } = require('node:vm')

/**
 * Runs a file of the bundle with the code that V8 made of it when it was built, which takes a third
 * of the time of compiling it. V8 refuses what another version of Node made, and compiles then; it
 * does not notice when the source has changed but is as long as before, so whatever writes a bundle
 * removes its `.cache`.
 */
module.exports = function loadBundle(name) {
  const folder = join(__dirname, '../bundle')
  const filename = join(folder, `${name}.cjs`)
  const code = readFileSync(filename, 'utf8')
  const script = new Script(
    `(function (exports, require, module, __filename, __dirname) {${code}\n})`,
    { filename, cachedData: readIfThere(`${filename}.cache`) },
  )
  const made = { exports: {} }
  script.runInThisContext()(made.exports, createRequire(filename), made, filename, folder)
}

function readIfThere(path) {
  try {
    return readFileSync(path)
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}
