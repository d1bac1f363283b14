import { mkdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from '@dunbar/client'
import { loadSecret } from '@dunbar/core'
import { boxPrivate } from '@dunbar/formats'
import { expect, test } from 'vitest'
import { flipBit, logPath } from '../fixtures/feed-files.js'
import { dunbar, startNodeProgram } from '../fixtures/program.js'
import { collect, generated, importFile, type Kvt } from '../fixtures/running-node.js'
import { temporaryFolder } from '../fixtures/temporary-folder.js'

/** What must never be seen: the node's secret key, and the plain text of private messages. */

const CANARY = 'canary-7f3a91-singing-in-private'

test('no log line, error, status or manifest holds the secret key or private text', async () => {
  const path = join(temporaryFolder(), 'node')
  const environment = { DUNBAR_LOG_LEVEL: 'trace', DUNBAR_PASSIVATE_AFTER_MS: '100' }
  const said: string[] = []
  const { lines, all } = generated(6, 120)
  const file = join(temporaryFolder(), 'messages.jsonl')
  const mixed = [...lines, `{"key":"${CANARY}","value":{"content":"${CANARY}"`, `"${CANARY}"`]
  writeFileSync(file, mixed.map((line) => `${line}\n`).join(''))

  for (const start of [1, 2]) {
    const program = await startNodeProgram(path, [], { environment })
    const client = await connect({ path })
    const { peer } = client
    const ask = async (name: string, ...args: unknown[]): Promise<void> => {
      await peer.call(name, args).catch((error) => {
        said.push(JSON.stringify({ ...error, message: error.message, stack: error.stack }))
      })
    }
    said.push(JSON.stringify(await importFile(peer, file)))
    const { id } = await client.whoami()
    const secret = { type: 'post', text: CANARY, recps: [id] }
    const published = (await peer.call('publish', [secret])) as Kvt
    said.push(JSON.stringify(published))
    const opened = await client.get({ id: published.key, private: true, meta: true })
    expect(opened.value.content).toEqual(secret)
    const boxed = boxPrivate(Buffer.from(JSON.stringify(secret)), [id], { maxRecipients: 1 })
    await ask('publish', boxed)
    await ask('publish', { ...secret, text: CANARY.repeat(400) })
    await ask('publish', { ...secret, recps: [CANARY] })
    await ask('publish', { ...secret, recps: undefined, type: 7 })
    await ask('publish', [CANARY])
    await ask('add', { ...published.value, content: secret })
    await ask('add', { key: published.key, value: { author: id, content: CANARY } })
    await ask('get', { id: { text: CANARY } })
    await ask('no.such.method', secret)
    for (const method of ['createLogStream', 'tangle.read', 'links']) {
      await collect(peer.source(method, [{ root: secret, limit: secret, rel: secret }])).catch(
        (error) => said.push(JSON.stringify({ ...error, message: error.message })),
      )
    }
    said.push(JSON.stringify(await client.status()), JSON.stringify(await client.manifest()))
    said.push(JSON.stringify(await collect(client.feeds.list())))
    await ask('getLatest', all[0]!.value.author)
    await client.close()
    expect(await program.kill('SIGTERM')).toEqual({ exitCode: 0, signal: null })
    for (const line of program.stderr().trim().split('\n')) {
      expect(JSON.parse(line)).toMatchObject({
        level: expect.any(Number),
        room: expect.any(String),
      })
    }
    said.push(program.stderr())
    if (start === 2) break
    flipBit(path, id, 1)
    const other = all[1]!.value.author
    const harmed = all[0]!.value.author
    if (other !== harmed) truncateSync(logPath(path, other), 100)
    renameSync(logPath(path, harmed), `${logPath(path, harmed)}.kept`)
    mkdirSync(logPath(path, harmed))
  }
  said.push(readFileSync(join(path, 'manifest.json'), 'utf8'))
  for (const words of [
    ['publish', '--type', CANARY.repeat(3), '--text', CANARY],
    ['publish', '--type', 'post', '--text', CANARY.repeat(400)],
    ['status', '--json'],
    ['status'],
  ]) {
    const { stdout, stderr } = await dunbar([...words, '--path', path], { environment })
    said.push(stdout, stderr)
  }

  const { secretKey } = loadSecret(join(path, 'secret'))
  const bytes = Buffer.from(secretKey)
  const seed = bytes.subarray(0, 32)
  const forbidden = [
    CANARY,
    Buffer.from(CANARY).toString('base64').slice(0, -4),
    bytes.toString('base64'),
    seed.toString('base64').slice(0, 40),
    seed.toString('base64url').slice(0, 40),
    seed.toString('hex'),
    [...seed].join(','),
    [...seed].join(', '),
    JSON.stringify(Object.fromEntries([...seed].entries())).slice(1, -1),
  ]
  const everything = said.join('\n')
  expect(everything.length).toBeGreaterThan(5000)
  expect(everything).toContain('a call failed')
  expect(everything).toContain('a log is unreadable')
  for (const secret of forbidden) {
    const at = everything.indexOf(secret)
    expect(at === -1 ? '' : everything.slice(Math.max(0, at - 200), at + 60)).toBe('')
  }
})
