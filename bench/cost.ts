import { addFlow, newState, settle } from '../functions/core/instance-state.ts'
import { packState } from '../functions/core/state-packing.ts'
import { type LedgerLoad, MINUTES_APART } from './ledger-load.ts'
import { ANSWER_SECONDS, LAMBDA_MEGABYTES, PRICES, UNIT_BYTES } from './prices.ts'

const MINUTES_A_MONTH = 43_200
const MILLION = 1e6
const BILLION = 1e9

/** What the watch asked of the ledger, a million records. */
export function ledgerRow({ route, records, deliveries, writes, units }: LedgerLoad) {
  const each = (count: number) => Math.round((count / records) * MILLION)
  return {
    route,
    records,
    recordsADelivery: Math.round(records / deliveries),
    writesPerMillion: each(writes),
    unitsPerMillion: each(units),
    dollarsABillion: cents(((units / records) * BILLION * PRICES.millionWriteUnits) / MILLION),
    prices: PRICES.of,
  }
}

/**
 * A billion records on Lambda, at the rate that the watch was just measured at on this machine's processor. Paid for: computing, waiting
 * for the ledger, requests. Cold starts are not in it.
 */
export function lambdaRow({ route, records, deliveries, waits, seconds }: LedgerLoad) {
  const gigabytes = LAMBDA_MEGABYTES / 1024
  const dollars = (count: number, price: number) => (count / records) * BILLION * price
  const computing = dollars(seconds, gigabytes * PRICES.gigabyteSecond)
  const waiting = dollars(waits * ANSWER_SECONDS, gigabytes * PRICES.gigabyteSecond)
  const requests = dollars(deliveries, PRICES.millionRequests / MILLION)
  return {
    route,
    megabytes: LAMBDA_MEGABYTES,
    secondsPerMillion: cents((seconds / records) * MILLION),
    dollarsABillion: cents(computing + waiting + requests),
    computing: cents(computing),
    waiting: cents(waiting),
    requests: cents(requests),
    prices: PRICES.of,
  }
}

const cents = (value: number) => Math.round(value * 100) / 100

/**
 * A month of DynamoDB's writes for a fleet in which each instance holds so many active conversations, its row written once a
 * delivery of its log. What a delivery writes besides, to rows that instances share, is as it was measured.
 */
export function awsBill({ sharedUnits, deliveries }: LedgerLoad) {
  const instances = 10_000
  const conversations = 100
  const state = newState()
  for (let minute = 0; minute < 64; minute++)
    for (let peer = 0; peer < conversations; peer++)
      for (const out of [true, false]) {
        const start = 1_790_000_040 + minute * 60
        const [own, other] = ['10.0.0.5', `203.0.113.${peer}`]
        const [source, destination] = out ? [own, other] : [other, own]
        const [sourcePort, destinationPort] = out ? [40_000 + peer, 443] : [443, 40_000 + peer]
        const mixed = (minute * 31 + peer * 17 + Number(out)) % 97
        const base = { interface: 'eni-1', account: undefined, firewall: undefined, protocol: 6, accepted: true }
        const counts = { packets: 10 + mixed, bytes: 900 + 13 * mixed, start, end: start + 55, flags: undefined }
        const ends = { source, destination, sourcePort, destinationPort, direction: undefined }
        addFlow(state, { ...base, ...ends, ...counts }, out)
      }
  settle(state, state.watermark * 60)
  const { packed } = packState(state, state.watermark * 60)
  const unitsAWrite = Math.ceil((packed.length + 128) / UNIT_BYTES)
  const besides = cents(sharedUnits / deliveries)
  const units = (instances * (unitsAWrite + besides) * MINUTES_A_MONTH) / MINUTES_APART
  return {
    instances,
    conversations,
    minutesApart: MINUTES_APART,
    unitsAWrite,
    sharedUnitsAWrite: besides,
    dollarsAMonth: Math.round((units / 1e6) * PRICES.millionWriteUnits),
    prices: PRICES.of,
  }
}
