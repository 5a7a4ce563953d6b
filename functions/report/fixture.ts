import type { Description } from '../core/description.ts'
import type { Finding } from '../core/finding.ts'
import type { Incident } from '../core/incident.ts'
import { emptyJournal, type JournalEntry, type JournalHead, type JournalLine, linkEntry } from '../core/journal.ts'
import type { ReportInput } from './input.ts'

/** The incident that Firebreak exists for, as respond and verify leave it a quarter of an hour after the cut. */

const opened = Date.parse('2026-11-24T02:13:07.000Z')
const second = opened / 1000
const minute = Math.floor(second / 60)
const instance = 'i-0aa11bb22cc33dd44'
const host = '203.0.113.77'
const pool = '198.51.100.23'

const finding: Finding = {
  id: '5f1d7a84db00d2fce00b31a7fc73224f4a1dcc1a0d4f2d0e8a5d9e2a5a1c7b60',
  at: opened - 220,
  decision: 'isolate',
  score: 265,
  account: '111122223333',
  region: 'eu-central-1',
  instance,
  signals: [
    {
      rule: 'mining-pool',
      family: 'identity',
      points: 100,
      technique: 'T1496.001',
      peer: pool,
      port: 14_444,
      protocol: 6,
      name: 'gpu.pool.example.net',
      first: second - 1980,
      last: second - 60,
      detail: 'Asked for the pool name gpu.pool.example.net and opened a connection to the address it resolved to',
    },
    {
      rule: 'reverse-tunnel',
      family: 'shape',
      points: 45,
      technique: 'T1572',
      peer: host,
      port: 22,
      protocol: 6,
      first: second - 2400,
      last: second - 60,
      detail: 'Somebody outside drives a connection that we opened: 1.9 packets in for each out in 21 minutes',
    },
    {
      rule: 'mining-pool',
      family: 'shape',
      points: 45,
      technique: 'T1496.001',
      peer: pool,
      port: 14_444,
      protocol: 6,
      first: second - 1980,
      last: second - 60,
      detail: 'Stratum shape for 31 minutes: 38 packets and 1.6 kB out a minute, 41 packets and 11.3 kB in',
    },
    {
      rule: 'reverse-tunnel',
      family: 'context',
      points: 20,
      technique: 'T1021.004',
      peer: host,
      port: 22,
      protocol: 6,
      first: second - 2400,
      last: second - 60,
      detail: 'Accepted outbound SSH, opened by the instance, to an external address in no allow-list',
    },
    {
      rule: 'reverse-tunnel',
      family: 'novelty',
      points: 15,
      peer: host,
      port: 22,
      protocol: 6,
      first: second - 2400,
      last: second - 60,
      detail: 'Used by 1 of 104 instances in scope',
    },
    {
      rule: 'internal-probing',
      family: 'shape',
      points: 80,
      technique: 'T1046',
      first: second - 240,
      last: second - 30,
      detail: '58 distinct addresses and ports in 5 minutes, 51 of them refused',
    },
    {
      rule: 'provider-range',
      family: 'context',
      points: -40,
      peer: '192.0.2.10',
      port: 443,
      protocol: 6,
      first: second - 2400,
      last: second - 60,
      detail: "The peer stands in the provider's own service range",
    },
  ],
  peers: [
    { address: host, port: 22, protocol: 6 },
    { address: pool, port: 14_444, protocol: 6 },
  ],
  exhibits: [
    exhibit(host, 22, 40, '1111111111110011111111111111111111111111', [9_840_000, 418_000, 4100, 7790]),
    exhibit(host, 2222, 40, '1000000000000000000000000000000000000000', [4400, 4100, 18, 14]),
    exhibit(pool, 14_444, 33, '111111111111111111111101111111111', [52_800, 372_900, 1254, 1353]),
    exhibit('10.0.7.0', 445, 5, '11111', [6960, 0, 116, 0]),
  ],
  drill: false,
}

/** The tunnel seen again in records that came after the cut and tell of the minutes before it. */
const later: Finding = {
  ...finding,
  id: '9a7e1c55aa31b0c2f0c4b8d27f1e6a903d2b4c5d6e7f8091a2b3c4d5e6f70812',
  at: opened + 379_800,
  score: 120,
  signals: finding.signals.filter(({ rule }) => rule === 'reverse-tunnel'),
  peers: finding.peers.slice(0, 1),
  exhibits: finding.exhibits.slice(0, 1),
}

function exhibit(
  peer: string,
  port: number,
  minutes: number,
  activity: string,
  [bytesOut, bytesIn, packetsOut, packetsIn]: readonly [number, number, number, number],
): Finding['exhibits'][number] {
  const last = minute - minutes + activity.lastIndexOf('1')
  return {
    peer,
    port,
    protocol: 6,
    first: (minute - minutes) * 60,
    last: last * 60,
    bytesOut,
    bytesIn,
    packetsOut,
    packetsIn,
    minute: minute - minutes,
    activity,
  }
}

const restorePoint: Description = {
  instance,
  account: '111122223333',
  region: 'eu-central-1',
  vpc: 'vpc-0f1e2d3c4b5a69788',
  state: 'running',
  launchedAt: opened - 86_400_000,
  spot: false,
  tags: { Name: 'rome-train-07', 'firebreak:scope': 'agent', team: 'training' },
  interfaces: [
    {
      id: 'eni-0a1a1a1a1a1a1a1a1',
      primary: true,
      subnet: 'subnet-0aaaaaaaaaaaaaaa1',
      groups: ['sg-0training00000001', 'sg-0egress0000000002'],
      addresses: ['10.0.1.17', '2001:db8:1::17'],
      publicAddresses: [],
    },
    {
      id: 'eni-0b2b2b2b2b2b2b2b2',
      primary: false,
      subnet: 'subnet-0bbbbbbbbbbbbbbb2',
      groups: ['sg-0storage000000003'],
      addresses: ['10.0.2.17'],
      publicAddresses: [],
    },
  ],
  volumes: ['/dev/xvda', '/dev/sdf', '/dev/sdg'].map((device, index) => ({
    id: `vol-0${String(index + 1).repeat(16)}`,
    device,
    deleteOnTermination: index === 0,
  })),
  acls: [{ id: 'acl-0c0c0c0c0c0c0c0c0', subnets: ['subnet-0aaaaaaaaaaaaaaa1'], entries: [], ours: true }],
  protection: { termination: false, stop: false, shutdown: 'stop' },
}

const files = [
  { name: 'console-output.txt', bytes: 41_203, sha256: `0b6f${'c1d2e3f4'.repeat(7)}5a69` },
  { name: 'aws-vpc-flow-5f1d7a84.jsonl', bytes: 1_204_118, sha256: `7c41${'0a1b2c3d'.repeat(7)}4e5f` },
]

const step = { attempts: 1, covers: '', unable: [], facts: {}, reason: '' }

const steps: Incident['steps'] = {
  'swap-groups': {
    ...step,
    status: 'done',
    at: opened + 131,
    done: [
      'eni-0a1a1a1a1a1a1a1a1: sg-0training00000001, sg-0egress0000000002 → sg-0quarantine000001',
      'eni-0b2b2b2b2b2b2b2b2: sg-0storage000000003 → sg-0quarantine000001',
    ],
    facts: { interfaces: ['eni-0a1a1a1a1a1a1a1a1', 'eni-0b2b2b2b2b2b2b2b2'] },
  },
  'deny-peers': {
    ...step,
    status: 'done',
    at: opened + 148,
    done: [
      `Denied ${host}/32 in acl-0c0c0c0c0c0c0c0c0, both directions`,
      `Denied ${pool}/32 in acl-0c0c0c0c0c0c0c0c0, both directions`,
    ],
    facts: {
      entries: [
        `acl-0c0c0c0c0c0c0c0c0/egress/50/${host}/32`,
        `acl-0c0c0c0c0c0c0c0c0/ingress/50/${host}/32`,
        `acl-0c0c0c0c0c0c0c0c0/egress/51/${pool}/32`,
        `acl-0c0c0c0c0c0c0c0c0/ingress/51/${pool}/32`,
      ],
    },
  },
  snapshot: {
    ...step,
    status: 'done',
    at: opened + 402,
    done: ['Snapshots of 3 volumes started'],
    facts: { snapshots: ['snap-0111111111111111a', 'snap-0222222222222222b', 'snap-0333333333333333c'] },
  },
  protect: {
    ...step,
    status: 'done',
    at: opened + 377,
    done: ['Termination and stop protection on', 'vol-01111111111111111 outlives the instance'],
    unable: ['The autoscaling group rome-train may still replace the instance: it is not known to Firebreak'],
  },
  collect: {
    ...step,
    status: 'done',
    at: opened + 2210,
    done: [
      'Evidence is in s3://example-evidence/firebreak/fb-20261124-0001/, locked in governance mode until 2026-12-24T02:13:09.000Z',
      ...files.map(({ name, bytes, sha256 }) => `Kept ${name}: ${bytes} bytes, SHA-256 ${sha256}`),
    ],
    unable: ['screenshot.jpg: The instance has no screen'],
    facts: {
      folder: 's3://example-evidence/firebreak/fb-20261124-0001/',
      files: files.map(({ name, bytes, sha256 }) => `${sha256} ${bytes} - ${name}`),
    },
  },
  'ticket-webhook': {
    ...step,
    status: 'done',
    at: opened + 910,
    done: ['Ticket SEC-4711'],
    facts: { reference: 'SEC-4711' },
  },
}

const lines: readonly (readonly [by: string, at: number, ...JournalLine[]])[] = [
  [
    'respond/8c1f',
    opened + 600,
    line(
      0,
      'opened',
      'Finding of mining-pool, reverse-tunnel, internal-probing with score 265 (isolate). The score is 265 and the mode is enforce',
    ),
    line(0, 'intent', 'Start', 'swap-groups'),
    line(0, 'intent', 'Start', 'deny-peers'),
    line(0, 'intent', 'Start', 'snapshot'),
    line(0, 'intent', 'Start', 'protect'),
    ...Object.entries(steps)
      .filter(([id]) => id !== 'ticket-webhook')
      .flatMap(([id, { at, done, unable }]) => [
        ...done.map(text => line(at - opened, 'result', text, id)),
        ...unable.map(text => line(at - opened, 'note', `Not possible: ${text}`, id)),
      ]),
  ],
  [
    'respond/8c1f',
    opened + 950,
    line(620, 'intent', 'Start', 'ticket-webhook'),
    line(910, 'result', 'Ticket SEC-4711', 'ticket-webhook'),
  ],
  [
    'verify/02aa',
    opened + 241_000,
    line(240_000, 'verified', 'unverified: no flow-log window lies wholly after the cut'),
  ],
  [
    'respond/91d0',
    opened + 380_500,
    line(
      380_000,
      'joined',
      'Finding of reverse-tunnel with score 120 (isolate). The score is 120 and the mode is enforce',
    ),
  ],
  [
    'verify/17b3',
    opened + 841_000,
    line(
      840_000,
      'verified',
      'cut: groups read back on 2 interfaces, 2 flow-log windows after the cut with 0 bytes passing',
    ),
  ],
]

function line(after: number, kind: JournalLine['kind'], text: string, step?: string): JournalLine {
  return { at: opened + after, kind, text, ...(step === undefined ? {} : { step }) }
}

function chained(): JournalEntry[] {
  const entries: JournalEntry[] = []
  let head: JournalHead = emptyJournal
  for (const [by, at, ...told] of lines) {
    const entry = linkEntry(head, by, at, told)
    entries.push(entry)
    head = entry
  }
  return entries
}

export function romeReport(): ReportInput & { readonly incident: Incident } {
  const journal = chained()
  const last = journal.at(-1) ?? emptyJournal
  return {
    incident: {
      id: 'fb-3d5e8a1c90b7f264',
      instance,
      account: finding.account,
      region: finding.region,
      openedAt: opened,
      drill: false,
      verdict: 'isolate',
      verdictReason: 'The score is 265 and the mode is enforce',
      findings: [finding, later],
      findingIds: [finding.id, later.id],
      restorePoint,
      quarantine: 'sg-0quarantine000001',
      residual: [],
      denials: [
        { acl: 'acl-0c0c0c0c0c0c0c0c0', peer: host, allowed: true, reason: '' },
        { acl: 'acl-0c0c0c0c0c0c0c0c0', peer: pool, allowed: true, reason: '' },
        {
          acl: 'acl-0d0d0d0d0d0d0d0d0',
          peer: host,
          allowed: false,
          reason: 'eni-0eeeeeeeeeeeeeeee, which is in no incident, used it within the last 24 hours',
        },
      ],
      steps,
      cut: { state: 'cut', at: opened + 148, reasons: [], checkedAt: opened + 840_000 },
      journal: { sequence: last.sequence, hash: last.hash },
      pending: [],
    },
    journal,
    now: opened + 900_000,
  }
}
