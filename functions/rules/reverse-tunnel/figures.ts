import { type Connection, steady, type Traffic } from '../../core/rule-case.ts'

/** Figures of OpenSSH 9.2 on loopback (detection.md, "Shapes"). */
export const setUp: Traffic = { out: [18, 4400], in: [14, 4100] }
export const typedFromOutside: Traffic = { out: [110, 16_000], in: [220, 15_400] }
export const typedFromInside: Traffic = { out: [208, 14_560], in: [104, 15_600] }
export const visited: Traffic = { out: [55, 246_000], in: [72, 7000] }
export const alive15: Traffic = { out: [8, 624], in: [4, 320] }

/** A tunnel's own pings, one every 25 s (chisel). */
export const pinged: Traffic = { out: [5, 360], in: [3, 230] }

export const outside = '203.0.113.9'
export const tunnel: Connection = { peer: outside, port: 22, minutes: [setUp, ...steady(10, typedFromOutside)] }
export const idle: Connection = { peer: outside, port: 22, minutes: [setUp] }
export const elsewhere: Connection = {
  peer: '198.51.100.20',
  port: 443,
  clientPort: 41_000,
  minutes: steady(180, { out: [12, 1800], in: [14, 9000] }),
}
