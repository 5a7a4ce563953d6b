import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { awsCommand } from './command-line.ts'

test('awsCommand() writes words of which a shell reads each as it is', () => {
  const words = [
    'eni-1',
    'Value=false',
    "it's",
    '$(touch stolen)',
    '`id`',
    'a b',
    '',
    '[{"DeviceName":"/dev/xvda"}]',
    '*',
  ]
  const line = awsCommand({ region: 'eu-west-1' }, 'ec2', ...words)
  assert.ok(line.startsWith('aws ec2 eni-1 Value=false '))
  const script = line.replace(/^aws /, `"$NODE" -e 'console.log(JSON.stringify(process.argv.slice(1)))' -- `)
  const out = execFileSync('sh', ['-c', script], { env: { NODE: process.execPath }, encoding: 'utf8' })
  assert.deepEqual(JSON.parse(out), ['ec2', ...words, '--region', 'eu-west-1'])
})
