import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { connectUnix, methodTable, serveUnixSocket } from '../src/index.js'
import { ScriptedClient } from './scripted-client.js'
import { connected, served, until } from './served.js'
import { temporarySocketPath } from './temp-folder.js'

const methods = methodTable([{ name: 'ping', type: 'sync', handler: () => 'pong' }])

describe('the socket file', () => {
  it('is for its owner alone, whatever the mask is, and the mask stays', async () => {
    const before = process.umask(0)
    onTestFinished(() => {
      process.umask(before)
    })
    const server = await served([])
    expect(statSync(server.path).mode & 0o777).toBe(0o600)
    expect(process.umask()).toBe(0)
  })

  it('is gone when the server is closed', async () => {
    const server = await served([])
    await server.close()
    expect(existsSync(server.path)).toBe(false)
    await expect(connectUnix({ path: server.path })).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      data: { reason: 'ENOENT' },
    })
  })

  it('is replaced where a process that is gone left it behind', async () => {
    const path = temporarySocketPath()
    leaveStaleSocket(path)
    expect(existsSync(path)).toBe(true)
    const server = await serveUnixSocket({ path, methods })
    const peer = await connectUnix({ path })
    expect(await peer.call('ping')).toBe('pong')
    await server.close()
  })

  it('is not taken from a process that listens', async () => {
    const first = await served([])
    await expect(serveUnixSocket({ path: first.path, methods })).rejects.toMatchObject({
      code: 'SOCKET_IN_USE',
    })
    const peer = await connected(first)
    expect(await peer.call('manifest')).toEqual({ manifest: 'sync' })
  })

  it('never replaces something that is not a socket', async () => {
    const path = temporarySocketPath()
    writeFileSync(path, 'precious')
    await expect(serveUnixSocket({ path, methods })).rejects.toMatchObject({
      code: 'SOCKET_PATH_TAKEN',
    })
    expect(statSync(path).size).toBe(8)
  })

  it('is refused with a clear error where its path is too long', async () => {
    const path = `/tmp/${'x'.repeat(103)}`
    const expected = expect.objectContaining({ code: 'SOCKET_PATH_TOO_LONG' })
    await expect(serveUnixSocket({ path, methods })).rejects.toEqual(expected)
    await expect(connectUnix({ path })).rejects.toEqual(expected)
  })
})

describe('the server', () => {
  it('takes no more connections than allowed, and others again when one goes', async () => {
    const server = await served([], { maxConnections: 2 })
    const first = await connected(server)
    const second = await connected(server)
    await Promise.all([first.call('manifest'), second.call('manifest')])
    const third = await ScriptedClient.connect(server.path)
    await third.closed
    expect(server.refusedConnections).toBe(1)
    await first.close()
    await until(() => server.connections.size === 1)
    const fourth = await connected(server)
    expect(await fourth.call('manifest')).toEqual({ manifest: 'sync' })
  })

  it('hands out each connection before its first call', async () => {
    const seen: number[] = []
    const server = await served(
      [
        {
          name: 'which',
          type: 'sync',
          handler: (_args, { connection }) => seen.indexOf(connection.id),
        },
      ],
      { onConnection: (connection) => seen.push(connection.id) },
    )
    const first = await connected(server)
    const second = await connected(server)
    expect(await first.call('which')).toBe(0)
    expect(await second.call('which')).toBe(1)
  })

  it('closes though a client does not', async () => {
    const server = await served([])
    const client = await ScriptedClient.connect(server.path)
    await until(() => server.connections.size === 1)
    await server.close()
    await client.closed
    expect(client.frames.at(-1)?.value).toBe('GOODBYE')
  })

  it('gives up on a node that accepts and never was one', async () => {
    const path = temporarySocketPath()
    const mute = createServer((socket) => socket.end())
    mute.listen(path)
    await once(mute, 'listening')
    onTestFinished(() => {
      mute.close()
    })
    const peer = await connectUnix({ path })
    await expect(peer.call('ping')).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' })
  })
})

/** Binds a socket and goes without unlinking it. */
function leaveStaleSocket(path: string): void {
  const code = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`
  try {
    execFileSync(process.execPath, ['-e', code, path], { stdio: 'ignore' })
  } catch {
    // It killed itself, as it should.
  }
}
