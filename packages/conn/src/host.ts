import { BlockList, isIP } from 'node:net'

/**
 * What kind of host a text names. Names are never resolved here: of a name it is only known that it
 * is no address.
 */

const LABEL = /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/

/** True for an IP address and for a name that DNS could know, `localhost` included. */
export function isHost(text: string): boolean {
  if (text.length === 0 || text.length > 253) return false
  if (isIP(text) !== 0) return true
  const labels = text.split('.')
  // A last label of digits, or of hexadecimal ones, is read as part of an IPv4 address by those who
  // look names up: 127.0.0.0x1 is this machine.
  const last = labels.at(-1)!
  const isNumber = !/[A-Za-z]/.test(last) || /^0x[0-9a-f]*$/i.test(last)
  return !isNumber && labels.every((label) => LABEL.test(label))
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

const localNetwork = new BlockList()
localNetwork.addSubnet('10.0.0.0', 8, 'ipv4')
localNetwork.addSubnet('172.16.0.0', 12, 'ipv4')
localNetwork.addSubnet('192.168.0.0', 16, 'ipv4')
localNetwork.addSubnet('169.254.0.0', 16, 'ipv4')
localNetwork.addSubnet('fc00::', 7, 'ipv6')
localNetwork.addSubnet('fe80::', 10, 'ipv6')

/** Neither a host of the internet nor one of a local network. @source IANA special-purpose registries */
const special = new BlockList()
special.addSubnet('0.0.0.0', 8, 'ipv4')
special.addSubnet('100.64.0.0', 10, 'ipv4')
special.addSubnet('192.0.0.0', 24, 'ipv4')
special.addSubnet('192.0.2.0', 24, 'ipv4')
special.addSubnet('198.18.0.0', 15, 'ipv4')
special.addSubnet('198.51.100.0', 24, 'ipv4')
special.addSubnet('203.0.113.0', 24, 'ipv4')
special.addSubnet('224.0.0.0', 3, 'ipv4')
special.addAddress('::', 'ipv6')
special.addSubnet('64:ff9b::', 96, 'ipv6')
special.addSubnet('100::', 64, 'ipv6')
special.addSubnet('2001:db8::', 32, 'ipv6')
special.addSubnet('2002::', 16, 'ipv6')
special.addSubnet('ff00::', 8, 'ipv6')

const isIn = (list: BlockList, host: string): boolean => {
  const family = isIP(host)
  if (family === 0) return false
  const bare = host.replace(/%.*$/, '')
  return list.check(bare, family === 4 ? 'ipv4' : 'ipv6')
}

/** This machine itself, by address or as `localhost`. */
export function isLoopbackHost(host: string): boolean {
  return /^(?:.+\.)?localhost$/i.test(host) || isIn(loopback, host)
}

/** An address of a local network: private, link-local or unique local. Names and loopback are none. */
export function isLocalNetworkHost(host: string): boolean {
  return isIn(localNetwork, host)
}

/**
 * A host that strangers may name to be dialled: a unicast address of the internet, or a name with a
 * dot that is not known to mean something local.
 */
export function isPublicHost(host: string): boolean {
  if (isIP(host) !== 0) {
    // An IPv4 address in IPv6 clothes has a plain form; nobody needs this one.
    if (/^::ffff:/i.test(host)) return false
    return !isIn(loopback, host) && !isIn(localNetwork, host) && !isIn(special, host)
  }
  return host.includes('.') && !/\.(?:localhost|local|internal|lan|home|arpa)$/i.test(host)
}
