import { expect, it } from 'vitest'
import { Admission, networkOf, type Place } from '../src/admission.js'
import { ADMISSION_LIMITS } from '../src/index.js'
import { ManualTime } from './manual-time.js'

const limits = { ...ADMISSION_LIMITS, arrivalsPerSecond: 1000, arrivalBurst: 1000 }

/** Enters and expects a place. */
function entered(admission: Admission, address: string): Place {
  const place = admission.enter(address)
  if (typeof place === 'string') throw new Error(`refused: ${place}`)
  return place
}

it('holds few connections of an address that have not proved who they are', () => {
  const admission = new Admission(limits, new ManualTime())
  const places = Array.from({ length: 4 }, () => entered(admission, '10.0.0.1'))
  expect(admission.enter('10.0.0.1')).toBe('too-many-handshakes')
  entered(admission, '10.0.0.2')
  places[0]!.leave()
  places[0]!.leave()
  entered(admission, '10.0.0.1')
  expect(admission.enter('10.0.0.1')).toBe('too-many-handshakes')
  places[1]!.prove()
  entered(admission, '10.0.0.1')
})

it('holds eight proved connections of an address', () => {
  const admission = new Admission(limits, new ManualTime())
  for (let i = 0; i < 8; i++) entered(admission, '10.0.0.1').prove()
  expect(admission.enter('10.0.0.1')).toBe('too-many-of-address')
  entered(admission, '10.0.0.2')
})

it('holds 32 handshakes and 150 connections in all', () => {
  const admission = new Admission(limits, new ManualTime())
  for (let i = 0; i < 118; i++) entered(admission, `10.0.1.${i}`).prove()
  for (let i = 0; i < 32; i++) entered(admission, `10.0.0.${i}`)
  expect(admission.enter('10.0.2.1')).toBe('too-many-connections')
  const other = new Admission(limits, new ManualTime())
  for (let i = 0; i < 32; i++) entered(other, `10.0.0.${i}`)
  expect(other.enter('10.0.2.1')).toBe('too-many-handshakes')
})

it('takes twenty arrivals of an address at once, and five a second from there on', () => {
  const time = new ManualTime()
  const admission = new Admission(ADMISSION_LIMITS, time)
  for (let i = 0; i < 20; i++) entered(admission, '10.0.0.1').leave()
  expect(admission.enter('10.0.0.1')).toBe('too-many-arrivals')
  entered(admission, '10.0.0.2')
  time.advance(1_000)
  for (let i = 0; i < 5; i++) entered(admission, '10.0.0.1').leave()
  expect(admission.enter('10.0.0.1')).toBe('too-many-arrivals')
})

it('remembers a bounded number of addresses, those with connections first', () => {
  const time = new ManualTime()
  const admission = new Admission(ADMISSION_LIMITS, time)
  const places = Array.from({ length: 4 }, () => entered(admission, '192.168.0.1'))
  for (let i = 0; i < 10_000; i++) {
    entered(admission, `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`).leave()
  }
  expect(admission.enter('192.168.0.1')).toBe('too-many-handshakes')
  for (const place of places) place.leave()
})

it.each([
  ['10.1.2.3', '10.1.2.3'],
  ['::ffff:10.1.2.3', '10.1.2.3'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::9', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['', ''],
])('counts %s as %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})
