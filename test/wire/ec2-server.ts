import { createServer } from 'node:http'
import { answerAutoScaling } from '../../functions/sandbox/autoscaling/server.ts'
import { answerBalancing } from '../../functions/sandbox/balancing/server.ts'
import type { Cloud } from '../../functions/sandbox/cloud.ts'
import { createEc2Server, type Ec2Server } from '../../functions/sandbox/ec2/server.ts'
import { bytesOf, urlOf } from './aws-servers.ts'

export interface ServedEc2 {
  readonly url: string
  readonly server: Ec2Server
  stop(): Promise<void>
}

/** The sandbox's EC2 on loopback, without latency, and the other services of the Query protocol that the steps ask. */
export async function serveEc2(cloud: Cloud): Promise<ServedEc2> {
  const server = createEc2Server(cloud, Date)
  const listener = createServer(async (incoming, answer) => {
    const asked = (await bytesOf(incoming)).toString()
    const [, service] = /\/(\w+)\/aws4_request/.exec(incoming.headers.authorization ?? '') ?? []
    const { status, requestId, body } =
      service === 'autoscaling'
        ? answerAutoScaling(cloud, asked, Date.now())
        : service === 'elasticloadbalancing'
          ? answerBalancing(cloud, asked, Date.now())
          : server.answer(asked)
    answer.writeHead(status, { 'content-type': 'text/xml;charset=UTF-8', 'x-amzn-requestid': requestId }).end(body)
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
