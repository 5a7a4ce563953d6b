/** What a command's exit code says, the same for all of them. */
export const EXIT = {
  /** Done, every expectation held. */
  ok: 0,
  /** It ran, and something did not hold or did not come about. */
  failed: 1,
  /** It could not be asked like that. */
  unusable: 2,
  denied: 3,
  unreachable: 4,
} as const
export type Exit = (typeof EXIT)[keyof typeof EXIT]

const ASKING = [
  [EXIT.denied, 'no credentials, or none that may do it'],
  [EXIT.unreachable, 'no deployment there, or it gave no answer in time'],
] as const

/** For a command's help: what each of its exit codes means. `asks`: it asks a deployment. */
export function exitCodes(ok: string, failed: string | undefined, unusable: string, { asks = false } = {}): string {
  const codes = [
    [EXIT.ok, ok] as const,
    ...(failed === undefined ? [] : [[EXIT.failed, failed] as const]),
    [EXIT.unusable, unusable] as const,
    ...(asks ? ASKING : []),
  ]
  return `\nExit code:\n${codes.map(([code, meaning]) => `  ${code}  ${meaning}`).join('\n')}\n`
}
