/**
 * What a Node peer is told on its command line: `<port> <upstreamPort> <h2Port>`, all on loopback.
 */
export interface NodePeerPorts {
  readonly port: number;
  readonly upstreamPort: number;
  /** For HTTP/2 by prior knowledge, where the peer has it. */
  readonly h2Port: number;
}

/** @throws Error when one is missing. */
export function peerPorts(): NodePeerPorts {
  const [port, upstreamPort, h2Port] = process.argv.slice(2).map(Number);
  if (port === undefined || upstreamPort === undefined || h2Port === undefined)
    throw new Error('expected <port> <upstreamPort> <h2Port>');
  return { port, upstreamPort, h2Port };
}
