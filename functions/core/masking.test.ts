import assert from 'node:assert/strict'
import { test } from 'node:test'
import { masked } from './masking.ts'

const secrets = [
  ['curl -H "Authorization: Bearer abc.def"', 'curl -H "Authorization: Bearer ***"'],
  ['login --password hunter2 --user ada', 'login --password *** --user ada'],
  ['export API_KEY=sk-123 && run', 'export API_KEY=*** && run'],
  ['git clone https://ada:hunter2@git.example.com/x', 'git clone https://ada:***@git.example.com/x'],
  ['aws configure set AKIAIOSFODNN7EXAMPLE', 'aws configure set ***'],
] as const

for (const [command, shown] of secrets)
  test(`masked() shows ${shown}`, () => {
    assert.equal(masked(command), shown)
  })

test('masked() leaves an ordinary command as it is', () => {
  const command = 'ssh -fN -R 2222:localhost:22 relay@203.0.113.9'
  assert.equal(masked(command), command)
})
