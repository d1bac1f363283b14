import { generateKeys } from '@dunbar/core'
import { describe, expect, test } from 'vitest'
import { isDialable, parseAddress, parseAddresses } from '../src/address.js'
import { isHost, isLocalNetworkHost, isLoopbackHost, isPublicHost } from '../src/host.js'
import { parseInvite } from '../src/invite-code.js'
import { MAX_ADDRESS_LENGTH } from '../src/multiserver.js'

const key = generateKeys(new Uint8Array(32).fill(7)).id
const data = key.slice(1, -'.ed25519'.length)
const seed = Buffer.alloc(32, 9).toString('base64')

describe('an address', () => {
  test.each([
    [`net:pub.example:8008~shs:${data}`, 'net', 'pub.example', 8008],
    [
      `net:192.168.1.20:8008~shs:${data};ws://192.168.1.20:8989~shs:${data}`,
      'net',
      '192.168.1.20',
      8008,
    ],
    [
      `ws://pub.example:8989~shs:${data};net:pub.example:8008~shs:${data}`,
      'net',
      'pub.example',
      8008,
    ],
    [`net:fe80::1%eth0:8008~shs:${data}`, 'net', 'fe80::1%eth0', 8008],
    [`net:[2001:db8::1]:8008~shs:${data}`, 'net', '2001:db8::1', 8008],
    [`wss://pub.example~shs:${data}`, 'wss', 'pub.example', 443],
    [`ws:pub.example:8989~shs:${data}`, 'ws', 'pub.example', 8989],
    [`ws://pub.example/ssb~shs:${data}`, 'ws', 'pub.example', 80],
    [`onion:abcdefgh.onion:8008~shs:${data}`, 'onion', 'abcdefgh.onion', 8008],
    [`abcdefgh.onion:8008:${key}`, 'onion', 'abcdefgh.onion', 8008],
    [`pub.example:8008:${key}`, 'net', 'pub.example', 8008],
    [`pub.example::${key}`, 'net', 'pub.example', 8008],
    [`::1:8008:${key}`, 'net', '::1', 8008],
    [
      `ssb:address/multiserver?multiserverAddress=net%3Apub.example%3A8008~shs%3A${encodeURIComponent(data)}`,
      'net',
      'pub.example',
      8008,
    ],
  ])('is read: %s', (text, transport, host, port) => {
    expect(parseAddress(text)).toMatchObject({ transport, host, port, key })
  })

  test('of a transport that is only known by name is recognised and not dialled', () => {
    for (const text of [
      `tunnel:${key}:${key}~shs:${data}`,
      `wss://pub.example~shs:${data}`,
      `dht:seed~shs:${data}`,
    ]) {
      const found = parseAddress(text)
      expect(found).toMatchObject({ key, text })
      expect(isDialable(found!)).toBe(false)
    }
  })

  test('is read from an object of a pub message, old and new', () => {
    const found = parseAddress(`pub.example:8008:${key}`)
    expect(parseAddress({ host: 'pub.example', port: 8008, key })).toEqual(found)
    expect(parseAddress({ host: 'pub.example', port: '8008', key })).toEqual(found)
    expect(parseAddress({ host: 'pub.example', key })).toEqual(found)
    expect(parseAddress({ address: `net:pub.example:8008~shs:${data}` })).toEqual(found)
    expect(parseAddress({ host: 'wss://pub.example', port: 443, key })).toMatchObject({
      transport: 'wss',
      host: 'pub.example',
      port: 443,
    })
  })

  test.each([
    '',
    'net',
    'net:pub.example:8008',
    `net:pub.example:8008~noauth:${data}`,
    `net:pub.example:0~shs:${data}`,
    `net:pub.example:65536~shs:${data}`,
    `net:pub.example:8e3~shs:${data}`,
    `net:pub example:8008~shs:${data}`,
    `net:999.1.1.1:8008~shs:${data}`,
    `net:127.0.0.0x1:8008~shs:${data}`,
    `net:0X7F.1.0X:8008~shs:${data}`,
    `net:-x.example:8008~shs:${data}`,
    `net::8008~shs:${data}`,
    `net:pub.example:8008~shs:${data.slice(0, 40)}`,
    `net:pub.example:8008~shs:${data}:a:b`,
    `pub.example:8008:${key.replace('.ed25519', '.sha256')}`,
    `pub.example:8008:@nobody`,
    `pub.example:8008:${key}~seed`,
    `x${'a'.repeat(MAX_ADDRESS_LENGTH)}:8008:${key}`,
  ])('is not read from %s', (text) => {
    expect(parseAddress(text)).toBeNull()
    expect(parseAddresses(text)).toEqual([])
  })
})

describe('an invite code', () => {
  test('of an open room is none', () => {
    const text = `net:room.example:8008~shs:${data}:SSB+Room+PSK3TLYC2T86EHQCUHBUHASCASE18JBV24=`
    expect(parseInvite(text)).toBeNull()
    expect(parseAddress(text)).toMatchObject({ host: 'room.example' })
  })

  test('over a web socket has its address and seed', () => {
    const code = parseInvite(`wss://pub.example~shs:${data}:${seed}`)
    expect(code?.address.text).toBe(`wss://pub.example~shs:${data}`)
    expect(Buffer.from(code!.seed).toString('base64')).toBe(seed)
  })

  test('with a legacy onion host keeps its transport', () => {
    expect(parseInvite(`abcdefgh.onion:8008:${key}~${seed}`)?.address.transport).toBe('onion')
  })
})

describe('a host', () => {
  test.each(['127.0.0.1', '127.8.8.8', '::1', 'localhost', 'db.localhost', '::ffff:127.0.0.1'])(
    '%s is this machine',
    (host) => {
      expect(isLoopbackHost(host)).toBe(true)
      expect(isPublicHost(host)).toBe(false)
    },
  )

  test.each([
    '10.1.2.3',
    '172.31.0.1',
    '192.168.0.1',
    '169.254.169.254',
    'fe80::1',
    'fe80::1%eth0',
    'fd00::1',
  ])('%s is one of a local network', (host) => {
    expect(isLocalNetworkHost(host)).toBe(true)
    expect(isPublicHost(host)).toBe(false)
  })

  test.each([
    '0.0.0.0',
    '::',
    '224.0.0.1',
    '255.255.255.255',
    '100.64.0.1',
    '::ffff:10.0.0.1',
    'printer',
    'nas.local',
  ])('%s is not for strangers to name', (host) => {
    expect(isHost(host)).toBe(true)
    expect(isPublicHost(host)).toBe(false)
  })

  test.each(['8.8.8.8', '2a00::1', 'pub.example'])('%s is one of the internet', (host) => {
    expect(isPublicHost(host)).toBe(true)
  })
})
