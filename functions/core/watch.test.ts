import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { collecting, type Delivery } from './delivery.ts'
import type { Finding } from './finding.ts'
import { ACK, type Alert, type Flow, type NameSeen, SYN, TCP } from './flow.ts'
import { Incident } from './incident.ts'
import { incidentKey } from './incident-store.ts'
import { instanceKey, readRow } from './instance-row.ts'
import { type AclRow, type AddressRow, type InstanceRow, type InterfaceRow, inventoryKeys } from './inventory.ts'
import { memoryLedger } from './memory-ledger.ts'
import { usedByOthers } from './neighbours.ts'
import type { DeadLetter, Ledger, Queue } from './ports.ts'
import type { InstanceView, Rule } from './rule.ts'
import { RuleSettings } from './rule-settings.ts'
import { score } from './score.ts'
import { readTraffic } from './traffic.ts'
import { createWatch, type WatchPorts } from './watch.ts'

const T = Date.parse('2026-03-05T10:00:00Z')
const account = '111122223333'
const us = '10.0.0.5'
const pool = '203.0.113.9'

/** Alerts on our own connection to port 3333 and isolates once it is in 3 records. */
const poolRule: Rule = {
  id: 'test-pool',
  title: 'Test',
  technique: 'T1496.001',
  severity: 'high',
  falsePositives: [],
  runbook: [],
  judge: view =>
    view.conversations
      .filter(({ port, initiator }) => port === 3333 && initiator.side === 'us' && initiator.by === 'flags')
      .map(({ peer, port, protocol, accepted, first, last }) => ({
        rule: 'test-pool',
        family: 'identity',
        points: accepted >= 3 ? 100 : 60,
        own: true,
        peer,
        port,
        protocol,
        first,
        last,
        detail: `${accepted} records`,
      })),
}

function flow(over: Partial<Flow> = {}): Flow {
  return {
    interface: 'eni-1',
    account,
    firewall: undefined,
    source: us,
    destination: pool,
    sourcePort: 40_000,
    destinationPort: 3333,
    protocol: TCP,
    packets: 10,
    bytes: 1000,
    start: T / 1000 - 300,
    end: T / 1000 - 250,
    flags: SYN,
    accepted: true,
    direction: 'egress',
    ...over,
  }
}

const minute = (at: number, over: Partial<Flow> = {}) =>
  flow({ start: T / 1000 - 300 + 60 * at, end: T / 1000 - 250 + 60 * at, flags: at === 0 ? SYN : 0, ...over })

async function putInstance(
  ledger: Ledger,
  instance: string,
  networkInterface: string,
  address: string,
  row: Partial<InstanceRow> = {},
) {
  const from = T - 48 * 3_600_000
  const where = { vpc: 'vpc-1', subnet: 'subnet-1', acl: 'acl-1', addresses: [address] }
  await Promise.all([
    ledger.write(
      inventoryKeys.instance(instance),
      {
        instance,
        account,
        region: 'eu-central-1',
        vpc: 'vpc-1',
        launchedAt: from,
        tags: {},
        scopedAt: T,
        interfaces: [
          { id: networkInterface, subnet: 'subnet-1', acl: 'acl-1', addresses: [address], publicAddresses: [] },
        ],
        seenAt: T,
        ...row,
      } satisfies InstanceRow,
      'any',
    ),
    ledger.write(
      inventoryKeys.interface(networkInterface),
      { interface: networkInterface, tenures: [{ instance, from, ...where }] } satisfies InterfaceRow,
      'any',
    ),
    ledger.write(
      inventoryKeys.address(address),
      { address, tenures: [{ instance, from, vpc: 'vpc-1', interface: networkInterface }] } satisfies AddressRow,
      'any',
    ),
  ])
}

async function stage({ rules = [poolRule] }: { rules?: readonly Rule[] } = {}) {
  let now = T
  const clock = { now: () => now }
  const ledger = memoryLedger(clock)
  await putInstance(ledger, 'i-1', 'eni-1', us)
  await putInstance(ledger, 'i-2', 'eni-2', '10.0.0.6', { scopedAt: T - 25 * 3_600_000 })
  await putInstance(ledger, 'i-3', 'eni-3', '10.0.0.7', { exemptSince: T - 25 * 3_600_000 })
  await ledger.write(inventoryKeys.scope, { inScope: 4, at: T }, 'any')
  const acl = { acl: 'acl-1', interfaces: ['eni-1', 'eni-2', 'eni-3', 'eni-lb'] } satisfies AclRow
  await ledger.write(inventoryKeys.acl('acl-1'), acl, 'any')
  const sent: Finding[] = []
  const letters: DeadLetter[] = []
  const logged: string[] = []
  const queue: Queue = {
    async send({ lane, id, order }) {
      assert.ok(order.kind === 'finding' && order.finding.instance === lane && order.finding.id === id)
      sent.push(order.finding)
    },
  }
  const note = (message: string) => void logged.push(message)
  const ports: WatchPorts = {
    clock,
    ledger,
    queue,
    deadLetters: { put: async all => void letters.push(...all) },
    log: { info: note, warn: note, error: note },
    metrics: { count: () => undefined },
  }
  const settings = { firewalls: { fw: 'vpc-1' }, exemptInstances: [], dnsCovered: false, rules: RuleSettings.parse({}) }
  const watchOn = (over: Partial<WatchPorts> = {}) => createWatch({ ...ports, ...over }, settings, { rules, score })
  return { ledger, sent, letters, logged, watchOn, watch: watchOn(), later: (by: number) => (now += by) }
}

function delivery(flows: readonly Flow[], fill?: (sink: ReturnType<typeof collecting>['sink']) => void): Delivery {
  const { sink, delivery: done } = collecting('aws-vpc-flow', 'group/stream')
  for (const one of flows) sink.flow(one)
  fill?.(sink)
  return done()
}

test('watch sends a finding with its peer, its exhibit and where the instance stands', async () => {
  const { watch, sent } = await stage()
  const summary = await watch(delivery([minute(0), minute(1), minute(2)]))
  assert.equal(sent.length, 1)
  const [finding] = sent
  assert.deepEqual(
    [finding?.decision, finding?.score, finding?.instance, finding?.account],
    ['isolate', 100, 'i-1', account],
  )
  assert.deepEqual(finding?.peers, [{ address: pool, port: 3333, protocol: TCP }])
  assert.deepEqual(finding?.placement, {
    vpc: 'vpc-1',
    interfaces: [{ id: 'eni-1', subnet: 'subnet-1', acl: 'acl-1' }],
  })
  const [exhibit] = finding?.exhibits ?? []
  assert.equal(exhibit?.bytesOut, 3000)
  assert.match(exhibit?.activity ?? '', /^0*1110*$/)
  assert.equal(exhibit?.activity.length, 64)
  assert.deepEqual([summary.flows, summary.instances, summary.findings.length], [3, 1, 1])
})

test('the same delivery again finds nothing new and writes nothing', async () => {
  const { watch, sent, ledger } = await stage()
  const one = delivery([minute(0), minute(1), minute(2)])
  await watch(one)
  const version = (await ledger.read(instanceKey('i-1')))?.version
  const summary = await watch(one)
  assert.deepEqual([summary.repeated, summary.findings.length, sent.length], [3, 0, 1])
  assert.equal((await ledger.read(instanceKey('i-1')))?.version, version)
})

test('a finding follows when the decision rises, a new peer is named or a day has passed, not else', async () => {
  const { watch, sent, later, ledger } = await stage()
  await watch(delivery([minute(0)]))
  assert.deepEqual(
    sent.map(({ decision }) => decision),
    ['alert'],
  )
  await watch(delivery([minute(1), minute(2)]))
  assert.deepEqual(
    sent.map(({ decision }) => decision),
    ['alert', 'isolate'],
  )
  await watch(delivery([minute(3), minute(4)]))
  assert.equal(sent.length, 2)
  await watch(delivery([minute(0, { destination: '203.0.113.10' })]))
  assert.equal(sent.length, 3)
  assert.ok(sent[2]?.peers.some(({ address }) => address === '203.0.113.10'))
  later(20 * 3_600_000)
  await watch(delivery([minute(1195)]))
  assert.equal(sent.length, 3)
  later(4 * 3_600_000 + 1)
  await putInstance(ledger, 'i-1', 'eni-1', us, { scopedAt: T + 24 * 3_600_000 })
  await watch(delivery([minute(1435)]))
  assert.equal(sent.length, 4)
  assert.equal(new Set(sent.map(({ id }) => id)).size, 4)
})

test('after a release what is seen anew is told again, and what was seen before is not', async () => {
  const { watch, sent, later, ledger } = await stage()
  await watch(delivery([minute(0), minute(1), minute(2)]))
  const [finding] = sent
  assert.ok(finding)
  later(10 * 60_000)
  const released = Incident.parse({
    id: 'fb-1',
    instance: 'i-1',
    account,
    region: 'eu-central-1',
    openedAt: T,
    closedAt: T + 10 * 60_000,
    drill: false,
    verdict: 'isolate',
    verdictReason: '',
    findings: [finding],
    findingIds: [finding.id],
    residual: [],
    denials: [],
    steps: {},
    cut: { state: 'restored', reasons: [] },
    journal: { sequence: 1, hash: '' },
    pending: [],
  })
  await ledger.write(incidentKey('i-1'), released, 'absent')
  await watch(delivery([minute(3)]))
  assert.equal(sent.length, 1)
  later(10 * 60_000)
  await watch(delivery([minute(20)]))
  await watch(delivery([minute(21)]))
  assert.deepEqual(
    sent.map(({ decision }) => decision),
    ['isolate', 'isolate'],
  )
})

test('a finding that could not be sent is sent by the redelivery under the same id', async () => {
  const { watchOn, ledger, sent, watch } = await stage()
  let attempted = ''
  const broken = watchOn({
    queue: {
      async send({ id }) {
        attempted = id
        throw new Error('the function was killed')
      },
    },
  })
  const one = delivery([minute(0), minute(1), minute(2)])
  await assert.rejects(broken(one), /killed/)
  assert.equal(readRow((await ledger.read(instanceKey('i-1')))?.value).owed.length, 1)
  const summary = await watch(one)
  assert.deepEqual(
    sent.map(({ id }) => id),
    [attempted],
  )
  assert.equal(summary.findings.length, 1)
  assert.equal(readRow((await ledger.read(instanceKey('i-1')))?.value).owed.length, 0)
})

test('a function that dies after each ledger or queue call in turn loses nothing once it is delivered again', async () => {
  for (let calls = 1; ; calls++) {
    const { watchOn, watch, ledger, sent } = await stage()
    let left = calls
    const dying = async <R>(call: () => Promise<R>): Promise<R> => {
      if (left <= 0) throw new Error('dead')
      const result = await call()
      if (--left === 0) throw new Error('dead')
      return result
    }
    const one = delivery([minute(0), minute(1), minute(2)])
    const first = watchOn({
      ledger: {
        read: key => dying(() => ledger.read(key)),
        list: (...all) => dying(() => ledger.list(...all)),
        write: (...all) => dying(() => ledger.write(...all)),
        remove: (...all) => dying(() => ledger.remove(...all)),
      },
      queue: {
        send: message =>
          dying(async () => void sent.push(...(message.order.kind === 'finding' ? [message.order.finding] : []))),
      },
    })
    const survived = await first(one).then(
      () => true,
      () => false,
    )
    await watch(one)
    assert.ok(sent.length >= 1, `after ${calls} calls`)
    assert.equal(new Set(sent.map(({ id }) => id)).size, 1, `after ${calls} calls`)
    assert.equal((await readTraffic(ledger, 'i-1')).conversations.length, 1)
    if (survived) break
  }
})

test('functions that race on one instance count every record once and agree on the finding', async () => {
  const { watchOn, ledger, sent } = await stage()
  const flows = Array.from({ length: 12 }, (_, at) =>
    minute(0, { sourcePort: 40_000 + at, start: T / 1000 - 60 * at - 60, end: T / 1000 - 60 * at - 10 }),
  )
  const halves = flows.map((_, at) => delivery([...flows.slice(at), ...flows.slice(0, 2)]))
  await Promise.all(halves.map(half => watchOn()(half)))
  const ids = new Set(sent.filter(({ decision }) => decision === 'isolate').map(({ id }) => id))
  assert.equal(ids.size, 1)
  const { conversations, windows } = await readTraffic(ledger, 'i-1')
  assert.equal(conversations.length, 1)
  assert.equal(
    windows.reduce((sum, { acceptedBytes }) => sum + acceptedBytes, 0),
    12_000,
  )
})

test('only instances in scope cost state, and everybody’s peers are known', async () => {
  const { watch, ledger, sent } = await stage()
  const lb = { interface: 'eni-lb', source: '10.0.0.99', destination: '203.0.113.44' }
  const stranger = { interface: 'eni-none', source: '10.0.0.98', destination: '203.0.113.45' }
  const summary = await watch(
    delivery([
      minute(0, { interface: 'eni-2', source: '10.0.0.6' }),
      minute(0, { interface: 'eni-3', source: '10.0.0.7' }),
      minute(0, lb),
      minute(0, stranger),
    ]),
  )
  assert.deepEqual([summary.instances, summary.outOfScope, summary.unattributed, sent.length], [0, 2, 2, 0])
  for (const id of ['i-2', 'i-3']) assert.equal(await ledger.read(instanceKey(id)), undefined)
  const use = (peer: string) => usedByOthers(ledger, { acl: 'acl-1', peer, interfaces: ['eni-1'], now: T })
  assert.deepEqual(await Promise.all([pool, '203.0.113.44', '203.0.113.45', '203.0.113.46'].map(use)), [
    'used',
    'used',
    'used',
    'unknown',
  ])
})

test('a record of another account, or with neither end its holder’s, is nobody’s', async () => {
  const { watch, ledger } = await stage()
  const summary = await watch(
    delivery([
      minute(0, { account: '999999999999' }),
      minute(0, { source: '10.9.9.9', direction: undefined }),
      minute(0, { start: T / 1000 - 50 * 3600, end: T / 1000 - 50 * 3600 + 60 }),
    ]),
  )
  assert.equal(summary.unattributed, 3)
  assert.equal(await ledger.read(instanceKey('i-1')), undefined)
})

test('a firewall’s records are attributed by address in its own VPC, to both ends', async () => {
  const { watch, ledger } = await stage()
  const seen = { interface: undefined, direction: undefined, account: undefined } as const
  const summary = await watch(
    delivery([
      minute(0, { ...seen, firewall: 'fw' }),
      minute(0, {
        ...seen,
        firewall: 'fw',
        source: pool,
        destination: us,
        sourcePort: 3333,
        destinationPort: 40_000,
        flags: SYN | ACK,
      }),
      minute(0, { ...seen, firewall: 'other' }),
      minute(0, { ...seen, firewall: undefined }),
    ]),
  )
  assert.equal(summary.unattributed, 2)
  const { conversations } = await readTraffic(ledger, 'i-1')
  assert.deepEqual(
    conversations.map(({ peer, established }) => [peer, established]),
    [[pool, true]],
  )
})

test('names, alerts and coverage reach the rules', async () => {
  const views: InstanceView[] = []
  const spy: Rule = {
    ...poolRule,
    judge: view => {
      views.push(view)
      return []
    },
  }
  const { watch, ledger } = await stage({ rules: [spy] })
  const name: NameSeen = {
    via: 'dns',
    name: 'pool.example.net',
    addresses: [pool],
    client: us,
    clientPort: undefined,
    peerPort: undefined,
    instance: 'i-1',
    vpc: 'vpc-1',
    firewall: undefined,
    time: T / 1000 - 400.5,
  }
  const alert: Alert = {
    kind: 'mining',
    rule: 'stratum',
    source: us,
    sourcePort: 40_000,
    destination: pool,
    destinationPort: 3333,
    protocol: TCP,
    blocked: false,
    instance: undefined,
    firewall: 'fw',
    time: T / 1000 - 290,
  }
  await watch(
    delivery([minute(0)], sink => {
      sink.name(name)
      sink.name({ ...name, instance: undefined, client: '10.0.0.5', name: 'second.example.net' })
      sink.name({ ...name, instance: undefined, client: '198.51.100.7', name: 'outsider.example.net' })
      sink.alert(alert)
      sink.coverage({ interface: 'eni-1', account, start: T / 1000 - 120, end: T / 1000 - 60, status: 'nodata' })
    }),
  )
  const view = views.at(-1)
  assert.deepEqual(
    view?.names.map(one => one.name),
    ['pool.example.net', 'second.example.net'],
  )
  assert.equal(view?.conversations[0]?.names.length, 2)
  assert.deepEqual(
    view?.alerts.map(({ kind, peer, outbound }) => [kind, peer, outbound]),
    [['mining', pool, true]],
  )
  assert.deepEqual(
    (await readTraffic(ledger, 'i-1')).windows.map(({ status }) => status),
    ['ok', 'nodata'],
  )
})

test('prevalence is unknown while the watch is new and then counts this instance too', async () => {
  const answers: (number | undefined)[] = []
  const spy: Rule = {
    ...poolRule,
    judge: view => {
      answers.push(view.prevalence(pool))
      return []
    },
  }
  const { watch, later } = await stage({ rules: [spy] })
  await watch(delivery([minute(0)]))
  assert.equal(answers.at(-1), undefined)
  later(16 * 60_000)
  await watch(delivery([minute(1)]))
  assert.equal(answers.at(-1), 0.25)
})

test('rejected and unusable records go to the dead letters one by one up to a bound, then as a count', async () => {
  const { watch, letters } = await stage()
  const summary = await watch(
    delivery(
      [
        minute(0, { packets: Number.NaN }),
        minute(0, { start: T / 1000 + 3600, end: T / 1000 + 3660 }),
        minute(0, { bytes: 2 ** 60 }),
        minute(0, { sourcePort: 70_000 }),
        minute(0, { end: 0 }),
      ],
      sink => {
        for (let at = 0; at < 1000; at++)
          sink.reject({ position: `line ${at}`, reason: 'a field too few', bytes: new Uint8Array(5000) })
      },
    ),
  )
  assert.equal(summary.rejected, 1005)
  assert.equal(letters.length, 106)
  assert.deepEqual(letters[0]?.position, 'group/stream line 0')
  assert.ok(letters.every(({ bytes }) => bytes.length <= 1024))
  assert.equal(letters.at(-1)?.reason, '900 more records of this delivery were rejected')
})

test('a corrupt row is kept as a dead letter, proves nothing, and the watch goes on', async () => {
  const { watchOn, ledger, letters } = await stage()
  for (const value of [{ packed: new Uint8Array([1, 2, 3]) }, 'nonsense', { packed: 'text' }]) {
    letters.length = 0
    const row = await ledger.write(instanceKey('i-1'), value, 'any')
    assert.ok(row)
    await assert.rejects(readTraffic(ledger, 'i-1'), { name: 'InputError' })
    await watchOn()(delivery([minute(0), minute(1), minute(2)]))
    assert.deepEqual(
      letters.map(({ position }) => position),
      ['traffic/i-1/state'],
    )
    assert.equal((await readTraffic(ledger, 'i-1')).truncated, true)
  }
})

test('a rule that throws is heard of, and the others go on', async () => {
  const broken: Rule = {
    ...poolRule,
    id: 'broken',
    judge: () => {
      throw new Error('no')
    },
  }
  const { watch, sent, logged } = await stage({ rules: [broken, poolRule] })
  await watch(delivery([minute(0)]))
  assert.equal(sent.length, 1)
  assert.ok(logged.includes('rule failed'))
})

test('one instance’s failure fails the delivery after the others were judged', async () => {
  const { watchOn, ledger, sent } = await stage()
  await putInstance(ledger, 'i-4', 'eni-4', '10.0.0.8')
  const failing = watchOn({
    ledger: {
      ...ledger,
      write: (key, ...rest) =>
        key.partition === 'traffic/i-4' ? Promise.reject(new Error('throttled')) : ledger.write(key, ...rest),
    },
  })
  const flows = [minute(0, { interface: 'eni-4', source: '10.0.0.8' }), minute(0)]
  await assert.rejects(failing(delivery(flows)), /throttled/)
  assert.deepEqual(
    sent.map(({ instance }) => instance),
    ['i-1'],
  )
})

test('a warm watch needs one ledger call a delivery', async () => {
  const { watchOn, ledger } = await stage()
  const calls: string[] = []
  const watch = watchOn({
    ledger: {
      ...ledger,
      read: key => {
        calls.push(`read ${key.partition}/${key.sort}`)
        return ledger.read(key)
      },
      write: (key, ...rest) => {
        calls.push(`write ${key.partition}/${key.sort}`)
        return ledger.write(key, ...rest)
      },
    },
  })
  const quiet = (at: number) => delivery([minute(at, { destinationPort: 443 })])
  await watch(quiet(0))
  calls.length = 0
  await watch(quiet(1))
  assert.deepEqual(calls, ['write traffic/i-1/state'])
})

test('any split, order and repetition of deliveries ends in the same decision', async () => {
  const answer = (one: Flow): Flow => ({
    ...one,
    source: one.destination,
    destination: one.source,
    sourcePort: one.destinationPort,
    destinationPort: one.sourcePort,
    flags: one.flags === SYN ? SYN | ACK : one.flags,
    direction: 'ingress',
  })
  const records = [0, 1, 2, 3].flatMap(at => [minute(at), answer(minute(at))])
  await fc.assert(
    fc.asyncProperty(
      fc.shuffledSubarray([...records, ...records], { minLength: 16, maxLength: 16 }),
      fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 8 }),
      async (mixed, sizes) => {
        const { watchOn, ledger, sent } = await stage()
        let from = 0
        for (const size of [...sizes, mixed.length]) {
          if (from < mixed.length) await watchOn()(delivery(mixed.slice(from, from + size)))
          from += size
        }
        assert.equal(sent.at(-1)?.decision, 'isolate')
        assert.ok(sent.length <= 2)
        const { conversations, windows } = await readTraffic(ledger, 'i-1')
        assert.deepEqual(conversations.length, 1)
        assert.equal(
          windows.reduce((sum, { acceptedBytes }) => sum + acceptedBytes, 0),
          8000,
        )
      },
    ),
    { numRuns: 40 },
  )
})
