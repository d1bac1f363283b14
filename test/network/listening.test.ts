import { createServer, Server } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { dunbarPrints, dunbarRefuses, startNodeProgram } from '../fixtures/program.js'
import { runningNode } from '../fixtures/running-node.js'
import { temporaryFolder } from '../fixtures/temporary-folder.js'

/** Where a node listens, and what it does where it can not. */

const DEFAULT_PORT = 8008
const portOf = (address: string) => Number(/^net:127\.0\.0\.1:(\d+)~shs:/.exec(address)![1])

/** Has somebody else listen; resolves with the port. Whose it is already stays as it is. */
async function taken(port: number): Promise<number> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(port))
    server.listen(port, '127.0.0.1', () => {
      onTestFinished(() => void server.close())
      resolve((server.address() as { port: number }).port)
    })
  })
}

test('where the default port is taken a node takes another one, and says so', async () => {
  await taken(DEFAULT_PORT)
  const environment = { DUNBAR_PORT: '' }
  const node = await startNodeProgram(join(temporaryFolder(), 'node'), [], { environment })
  expect(portOf(node.ready.address)).not.toBe(DEFAULT_PORT)
  await node.kill('SIGTERM')
  const lines = node.stderr().trim().split('\n')
  expect(lines.map((line) => JSON.parse(line))).toContainEqual(
    expect.objectContaining({
      level: 40,
      msg: 'port 8008 is taken; listening on another one',
      port: DEFAULT_PORT,
    }),
  )
})

test('a port that was asked for and is taken ends the start with one sentence, and leaves no lock', async () => {
  const port = await taken(0)
  const path = join(temporaryFolder(), 'node')
  const sentence = `could not listen at 127.0.0.1, port ${port}: EADDRINUSE`
  const environment = { DUNBAR_LOG_LEVEL: 'silent' }
  const start = ['start', '--path', path]
  expect(await dunbarRefuses([...start, '--port', `${port}`], { environment })).toBe(sentence)
  expect(
    await dunbarRefuses(start, { environment: { ...environment, DUNBAR_PORT: `${port}` } }),
  ).toBe(sentence)
  const node = await startNodeProgram(path)
  await node.kill('SIGTERM')
})

test('--port and --host say where a node listens, and --offline that it does not', async () => {
  const port = await taken(0)
  const folder = temporaryFolder()
  const start = ['--host', '127.0.0.1', '--port', '0']
  const node = await startNodeProgram(join(folder, 'one'), start, {
    environment: { DUNBAR_PORT: `${port}`, DUNBAR_HOST: '192.0.2.1' },
  })
  expect(portOf(node.ready.address)).toBeGreaterThan(0)
  await node.kill('SIGTERM')
  const offline = await startNodeProgram(join(folder, 'two'), ['--offline'])
  expect(offline.ready.address).toBeNull()
  expect(await dunbarPrints(['status', '--path', offline.ready.path])).toMatch(
    /^address +none, peers can not connect$/m,
  )
  await offline.kill('SIGTERM')
})

test.each(['', 'http', '65536', '-1', '80.5'])('--port %j is no port', async (port) => {
  const path = join(temporaryFolder(), 'node')
  expect(await dunbarRefuses(['start', '--path', path, `--port=${port}`])).toBe(
    '--port needs a whole number from 0 to 65535',
  )
})

test('on a machine without IPv6 a node that listens everywhere does so over IPv4', async () => {
  const listen = Server.prototype.listen
  const hosts: string[] = []
  const spy = vi.spyOn(Server.prototype, 'listen').mockImplementation(function (
    this: Server,
    ...args: unknown[]
  ) {
    const [options, ...rest] = args as [{ host?: string; port?: number }, ...unknown[]]
    if (typeof options !== 'object' || options.host === undefined) {
      return Reflect.apply(listen, this, args) as Server
    }
    hosts.push(options.host)
    if (options.host === '::') {
      const error = Object.assign(new Error('no IPv6'), { code: 'EAFNOSUPPORT' })
      queueMicrotask(() => this.emit('error', error))
      return this
    }
    return Reflect.apply(listen, this, [{ ...options, host: '127.0.0.1' }, ...rest]) as Server
  })
  onTestFinished(() => spy.mockRestore())
  const { node } = await runningNode({ network: { host: '::' } })
  expect(hosts).toEqual(['::', '0.0.0.0'])
  expect(portOf(node.address!)).toBeGreaterThan(0)
})
