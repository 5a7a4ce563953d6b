import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { InputError } from '../../core/errors.ts'
import { collecting } from '../envelopes/sink-fixture.ts'
import { awsAlarm } from './index.ts'

const instance = 'i-0a1b2c3d4e5f60718'

const metric = (name: string, InstanceId: string = instance) => ({
  id: 'm1',
  metricStat: { metric: { namespace: 'CWAgent', name, dimensions: { InstanceId } }, period: 60, stat: 'Average' },
  returnData: true,
})

const detail = (value: string, metrics: readonly unknown[]) => ({
  alarmName: 'gpu-busy',
  state: { value, reason: 'Threshold Crossed', timestamp: '2026-11-18T11:06:40.000+0000' },
  configuration: { metrics },
})

function decode(given: unknown) {
  const seen = collecting()
  const bus = { source: 'aws.cloudwatch', type: 'CloudWatch Alarm State Change', time: 1_795_000_009 }
  awsAlarm.decode({ id: '1', account: '123456789012', region: 'us-east-1', ...bus, detail: given }, seen.sink)
  return seen.loads
}

test('an alarm on a GPU or CPU metric of an instance is its load, and OK takes it back', () => {
  const load = { instance, of: 'gpu', busy: true, alarm: 'gpu-busy', time: 1_795_000_000 }
  const gpu = metric('nvidia_smi_utilization_gpu')
  assert.deepEqual(decode(detail('ALARM', [gpu, gpu])), [load])
  assert.deepEqual(decode(detail('OK', [metric('CPUUtilization')])), [{ ...load, of: 'cpu', busy: false }])
})

test('what says nothing of an instance’s processors is passed over', () => {
  assert.deepEqual(decode(detail('INSUFFICIENT_DATA', [metric('GPUUtilization')])), [])
  assert.deepEqual(
    decode(detail('ALARM', [metric('NetworkOut'), metric('GPUUtilization', 'host'), { expression: 'm1' }])),
    [],
  )
})

test('decode throws nothing but InputError', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.anything(),
        fc.jsonValue().map(one => detail('ALARM', [one])),
      ),
      given => {
        try {
          decode(given)
        } catch (thrown) {
          assert.ok(thrown instanceof InputError)
        }
      },
    ),
    { numRuns: 500 },
  )
})
