import { createServer } from 'node:http'
import type { Cloud } from '../../functions/sandbox/cloud.ts'
import { createEc2Server, type Ec2Server } from '../../functions/sandbox/ec2/server.ts'
import { bytesOf, urlOf } from './aws-servers.ts'

export interface ServedEc2 {
  readonly url: string
  readonly server: Ec2Server
  stop(): Promise<void>
}

/** The sandbox's EC2 on loopback, alone and without latency. */
export async function serveEc2(cloud: Cloud): Promise<ServedEc2> {
  const server = createEc2Server(cloud, Date)
  const listener = createServer(async (incoming, answer) => {
    const { status, body } = server.answer((await bytesOf(incoming)).toString())
    answer.writeHead(status, { 'content-type': 'text/xml;charset=UTF-8' }).end(body)
  })
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
  return {
    url: urlOf(listener),
    server,
    stop: () =>
      new Promise<void>(resolve => {
        listener.close(() => resolve())
        listener.closeAllConnections()
      }),
  }
}
