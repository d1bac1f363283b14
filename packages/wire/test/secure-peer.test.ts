import { decode } from 'multiserver-address'
import { expect, it } from 'vitest'
import { multiserverAddress } from '../src/index.js'
import { bob } from './networked.js'

const key = Buffer.from(bob.publicKey).toString('base64')

it.each([
  ['10.0.0.1', `net:10.0.0.1:8008~shs:${key}`],
  ['::ffff:10.0.0.1', `net:10.0.0.1:8008~shs:${key}`],
  ['example.org', `net:example.org:8008~shs:${key}`],
  ['fe80::1', `net:fe80!:!:1:8008~shs:${key}`],
])('writes the address of a peer at %s as multiserver does', (host, address) => {
  expect(multiserverAddress(host, 8008, bob.id)).toBe(address)
  const [[net, shs] = []] = decode(address)
  expect(net?.name).toBe('net')
  expect(net?.data.at(-1)).toBe('8008')
  expect(shs).toEqual({ name: 'shs', data: [key] })
})
