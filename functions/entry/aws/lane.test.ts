import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findingOf } from '../../core/engine-fixture.ts'
import type { Order } from '../../core/order.ts'
import { readOrder } from './lane.ts'

const WATCH = 'AROAEXAMPLE0EXAMPLE00'
const OTHER = 'AROAEXAMPLE0EXAMPLE99'

const finding: Order = { kind: 'finding', finding: findingOf() }
const read = (order: Order, senderId: string | undefined) =>
  readOrder(JSON.stringify(order), { senderId, findingsFrom: WATCH })

test('readOrder() takes a finding from watch, whatever the session is called', () => {
  assert.equal(read(finding, `${WATCH}:firebreak-watch`).kind, 'finding')
})

test('readOrder() refuses a finding of anybody else, even of one who names his session after the role', () => {
  for (const sender of [`${OTHER}:firebreak-watch`, `${OTHER}:${WATCH}`, `${WATCH}0:x`, OTHER, '', undefined])
    assert.throws(() => read(finding, sender), { name: 'InputError', message: /and not watch$/ }, sender)
})

test('readOrder() takes drills, approvals and releases from people', () => {
  const target = { instance: 'i-1', incident: 'fb-1', by: 'ada' }
  const drill: Order = { kind: 'finding', finding: findingOf({ drill: true }) }
  for (const order of [drill, { kind: 'approve', ...target }, { kind: 'release', ...target }] satisfies Order[])
    assert.equal(read(order, `${OTHER}:ada`).kind, order.kind)
})

test('readOrder() takes findings from whoever may send where the role is not told', () => {
  assert.equal(readOrder(JSON.stringify(finding)).kind, 'finding')
})
