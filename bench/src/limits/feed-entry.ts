import { once } from 'node:events'
import { type Placement, spawnNode } from '../process.js'

/** The least that a program in JavaScript keeps of a feed: 32 bytes of id, 32 of the last key, and a length. */
const PROGRAM = `
const { randomBytes } = require('node:crypto')
const FEEDS = 50_000
const name = () => randomBytes(32).latin1Slice()
const heapBytes = () => {
  gc()
  return process.memoryUsage().heapUsed
}
const before = heapBytes()
const feeds = new Map()
for (let length = 1; length <= FEEDS; length++) feeds.set(name(), { key: name(), length })
console.log((heapBytes() - before) / feeds.size)
`

/** Bytes that each feed takes in a Map of a process that has nothing else. */
export async function feedEntryBytes(placement: Placement): Promise<number> {
  const child = spawnNode('--expose-gc', ['--eval', PROGRAM], placement)
  const exited = once(child, 'exit')
  let text = ''
  for await (const piece of child.stdout!.setEncoding('utf8')) text += piece
  await exited
  return Number(text)
}
