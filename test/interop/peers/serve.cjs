// A foreign peer as a child process: requests `{ id, op, args }` come over IPC, answers
// `{ id, value }` or `{ id, error }` go back. The process ends with its parent.
'use strict'

/** @param operations functions by name, which take arguments and give a value or a promise */
exports.serve = (operations) => {
  process.on('disconnect', () => process.exit(0))
  process.on('message', async ({ id, op, args }) => {
    try {
      process.send({ id, value: (await operations[op](...args)) ?? null })
    } catch (error) {
      process.send({ id, error: String(error?.message ?? error) })
    }
    if (op === 'close') process.disconnect()
  })
  process.send({ event: 'ready' })
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
    source(null, (end, item) => next(end, item))
  })

/**
 * Resolves when `read` gives true; asked again at each `changed`.
 * @param subscribe takes a listener, which is called at each change
 */
exports.until = (read, subscribe) =>
  new Promise((resolve, reject) => {
    let isDone = false
    const look = async () => {
      if (isDone) return
      try {
        if (!(await read()) || isDone) return
        isDone = true
        resolve()
      } catch (error) {
        reject(error)
      }
    }
    subscribe(look)
    look()
  })
