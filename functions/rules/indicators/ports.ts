import type { Indicator } from './indicator.ts'

const survey = { source: 'Firebreak reference, detection.md, names and ports', date: '2026-11-24' }
const iana = { source: 'https://www.iana.org/assignments/service-names-port-numbers', date: '2026-11-24' }

/** Ports that pools use and hardly anybody else over the internet. */
export const stratumPorts: readonly Indicator[] = [
  3333, 3334, 3335, 3336, 3357, 5588, 5730, 6099, 14433, 14444, 45560, 45700,
].map(port => ({ value: String(port), kind: 'stratum-port', of: 'stratum', ...survey }))

/** Ports of pools that are well used otherwise too (Bitcoin's own peers on 8333, Dash's on 9999, IRC, HTTP alternatives). */
export const sharedStratumPorts: readonly Indicator[] = [
  4444, 5555, 5556, 6666, 7777, 7778, 8333, 8888, 8899, 9332, 9999,
].map(port => ({ value: String(port), kind: 'shared-stratum-port', of: 'stratum', ...survey }))

/** Registered services with long quiet connections of small messages, as stratum has: the shape says less there. */
export const servicePorts: readonly Indicator[] = Object.entries({
  22: 'ssh',
  53: 'domain',
  80: 'http',
  389: 'ldap',
  443: 'https',
  465: 'submissions',
  587: 'submission',
  636: 'ldaps',
  853: 'domain-s',
  989: 'ftps-data',
  993: 'imaps',
  1433: 'ms-sql-s',
  1883: 'mqtt',
  3306: 'mysql',
  4222: 'nats',
  5222: 'xmpp-client',
  5223: 'xmpp-client over TLS, push services',
  5228: 'push services',
  5432: 'postgresql',
  5671: 'amqps',
  5672: 'amqp',
  6379: 'redis',
  6380: 'redis over TLS',
  8080: 'http-alt',
  8443: 'https-alt',
  8883: 'secure-mqtt',
  9092: 'kafka',
  9093: 'kafka over TLS',
  9094: 'kafka over TLS',
  9443: 'https, alternative',
  27017: 'mongodb',
}).map(([value, of]) => ({ value, kind: 'service-port', of, ...iana }))

const numbers = (indicators: readonly Indicator[]) => new Set(indicators.map(({ value }) => Number(value)))
const stratum = numbers(stratumPorts)
const shared = numbers(sharedStratumPorts)
const services = numbers(servicePorts)

export const isStratumPort = (port: number): boolean => stratum.has(port)
export const isSharedStratumPort = (port: number): boolean => shared.has(port)
export const isServicePort = (port: number): boolean => services.has(port)
