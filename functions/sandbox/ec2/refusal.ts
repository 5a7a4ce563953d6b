/** An answer with an error in it, in EC2's words (EC2 API Reference, "Error codes"). */
export class Refusal extends Error {
  override name = 'Refusal'
  readonly code: string
  readonly status: number

  constructor(code: string, message: string, status = 400) {
    super(message)
    this.code = code
    this.status = status
  }
}
