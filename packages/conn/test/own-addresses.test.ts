import { generateKeys } from '@dunbar/core'
import { describe, expect, test } from 'vitest'
import { netAddress } from '../src/index.js'
import { OwnAddresses, type Scope } from '../src/own-addresses.js'

const { id } = generateKeys(new Uint8Array(32).fill(1))
const at = (host: string) => netAddress(host, 8008, id)!.text
const LOCAL = [
  { address: '127.0.0.1', netmask: '255.0.0.0', isInternal: true },
  { address: '192.168.1.20', netmask: '255.255.255.0', isInternal: false },
  { address: '8.8.4.4', netmask: '255.255.255.0', isInternal: false },
]

function addresses(
  endpoint: { readonly host: string; readonly port: number } | null,
  options: { readonly externalHosts?: readonly string[]; readonly allowsPrivate?: boolean } = {},
) {
  const { externalHosts = [], allowsPrivate = false } = options
  const own = new OwnAddresses({ id, externalHosts, allowsPrivate, localAddresses: () => LOCAL })
  own.setEndpoint(endpoint)
  return own
}

describe('the own addresses', () => {
  test('are those of all networks where the node listens everywhere, each for its scope', () => {
    const own = addresses({ host: '::', port: 8008 })
    const texts = (['public', 'local', 'private', 'device'] as Scope[]).map((scope) =>
      own.text(scope),
    )
    expect(texts).toEqual([at('8.8.4.4'), at('192.168.1.20'), at('192.168.1.20'), at('127.0.0.1')])
  })

  test('are only the one where the node listens at one', () => {
    const own = addresses({ host: '192.168.1.20', port: 8008 })
    expect(own.text('public')).toBeNull()
    expect(own.text('local')).toBe(at('192.168.1.20'))
    expect(own.text('device')).toBe(at('192.168.1.20'))
  })

  test('for the public are those that the configuration names, all of them', () => {
    const own = addresses({ host: '0.0.0.0', port: 8008 }, { externalHosts: ['a.example', '::1'] })
    expect(own.text('public')).toBe(`${at('a.example')};${at('::1')}`)
    expect(own.forInvite()?.host).toBe('a.example')
  })

  test('are none while the node does not listen', () => {
    const own = addresses(null, { externalHosts: ['a.example'] })
    expect(own.text('public')).toBeNull()
    expect(own.text('device')).toBeNull()
    expect(own.forInvite('b.example')).toBeNull()
  })

  test('go into an invite only where others can reach them', () => {
    const own = addresses({ host: '192.168.1.20', port: 8008 })
    expect(own.forInvite()).toBeNull()
    expect(own.forInvite('localhost')).toBeNull()
    expect(own.forInvite('not a host')).toBeNull()
    expect(own.forInvite('b.example')?.text).toBe(at('b.example'))
    const lax = addresses({ host: '192.168.1.20', port: 8008 }, { allowsPrivate: true })
    expect(lax.forInvite()?.text).toBe(at('192.168.1.20'))
  })
})
