import { type FeedId, feedIdFromBytes, generateKeys } from '@dunbar/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isDialable, legacyText, netAddress, parseAddress, parseAddresses } from '../src/address.js'
import { parseInvite, printInvite, printModernInvite } from '../src/invite-code.js'
import { decodeMultiserver, encodeProtocols, type Protocol } from '../src/multiserver.js'

const key: fc.Arbitrary<FeedId> = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((seed) => generateKeys(seed).id)
const seed = fc.uint8Array({ minLength: 32, maxLength: 32 })
const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain(), fc.constant('localhost'))
const port = fc.integer({ min: 1, max: 65_535 })
const address = fc
  .tuple(host, port, key)
  .map(([name, number, id]) => netAddress(name, number, id))
  .filter((found) => found !== null)

const data = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  maxLength: 12,
})
const protocol: fc.Arbitrary<Protocol> = fc.record({
  name: fc.stringMatching(/^[a-z][a-z0-9-]{1,8}$/),
  data: fc.array(data, { maxLength: 4 }),
})
/** Texts that are near to addresses: pieces put into, and cut out of, what is one. */
const piece = fc.oneof(
  fc.constantFrom('net:', 'ws://', 'wss:', '~shs:', '~', ':', ';', '!', '!:', '#', '[', ']', '%a'),
  host,
  fc.string({ maxLength: 3 }),
)
const nearly = fc
  .tuple(
    address,
    fc.constantFrom('net', 'ws', 'wss', 'onion', 'dht'),
    fc.nat(100),
    fc.nat(6),
    piece,
  )
  .map(([given, transport, at, cut, put]) => {
    const text = given.text.replace(/^(net|onion)/, transport)
    return text.slice(0, at) + put + text.slice(at + cut)
  })

describe('the grammar', () => {
  test('gives back every list of protocols that was printed, whatever is in its data', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(protocol, { minLength: 1, maxLength: 3 }), {
          minLength: 1,
          maxLength: 3,
        }),
        (addresses) => {
          const text = addresses.map(encodeProtocols).join(';')
          expect(decodeMultiserver(text)).toEqual(addresses)
        },
      ),
    )
  })
})

describe('an address', () => {
  test('is read back from its text, its old text and its parts', () => {
    fc.assert(
      fc.property(address, (given) => {
        expect(parseAddress(given.text)).toEqual(given)
        expect(parseAddress(legacyText(given))).toEqual(given)
        expect(parseAddress({ host: given.host, port: given.port, key: given.key })).toEqual(given)
      }),
    )
  })

  test('is read from text with escaped colons, as strict printers of IPv6 write it', () => {
    fc.assert(
      fc.property(fc.ipV6(), port, key, (name, number, id) => {
        const escaped = name.replaceAll(':', '!:')
        const text = `net:${escaped}:${number}~shs:${id.slice(1, -8)}`
        expect(parseAddress(text)).toEqual(netAddress(name, number, id))
      }),
    )
  })

  test('has a text that is its own canonical form, whatever was read', () => {
    fc.assert(
      fc.property(nearly, (text) => {
        for (const found of parseAddresses(text)) {
          expect(parseAddresses(found.text)).toEqual([found])
        }
      }),
    )
  })

  test('is found among several, in their order', () => {
    fc.assert(
      fc.property(fc.array(address, { minLength: 1, maxLength: 5 }), (all) => {
        const text = all.map((each) => each.text).join(';')
        expect(parseAddresses(text)).toEqual(all)
        expect(parseAddress(text)).toEqual(all.find(isDialable) ?? all[0])
      }),
    )
  })

  test('is never thrown at the caller: any value gives addresses or nothing', () => {
    fc.assert(
      fc.property(fc.anything(), (given) => {
        expect(Array.isArray(parseAddresses(given))).toBe(true)
      }),
    )
  })
})

describe('an invite code', () => {
  test('is read back from both forms, with quotes, spaces and a fragment around it', () => {
    fc.assert(
      fc.property(address, seed, (place, secret) => {
        const code = { address: place, seed: secret }
        expect(parseInvite(printInvite(code))).toEqual(code)
        expect(parseInvite(printModernInvite(code))).toEqual(code)
        expect(parseInvite(` "${printInvite(code)}#http://pub.example/welcome" `)).toEqual(code)
      }),
    )
  })

  test('gives its address to whoever asks for that, and never its seed with it', () => {
    fc.assert(
      fc.property(address, seed, (place, secret) => {
        const code = { address: place, seed: secret }
        for (const text of [printInvite(code), printModernInvite(code)]) {
          expect(parseAddress(text)).toEqual(place)
        }
      }),
    )
  })

  test('is null where the seed is missing or not 32 bytes', () => {
    fc.assert(
      fc.property(address, fc.uint8Array({ maxLength: 40 }), (place, bytes) => {
        fc.pre(bytes.length !== 32)
        expect(parseInvite(printModernInvite({ address: place, seed: bytes }))).toBeNull()
        expect(parseInvite(place.text)).toBeNull()
      }),
    )
  })
})

test('a key that anybody could sign for is no address', () => {
  const everybody = feedIdFromBytes(new Uint8Array(32))
  expect(netAddress('example.com', 8008, everybody)).toBeNull()
  expect(parseAddress(`example.com:8008:${everybody}`)).toBeNull()
})
