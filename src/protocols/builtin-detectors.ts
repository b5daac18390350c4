/**
 * The detectors that come with Sallyport, in the order they are asked.
 *
 * Every order would give the same verdicts in the end: no two of them can match the same bytes, and none changes its mind.
 * This one puts the binary protocols, which decide by their first byte, and the fixed texts before HTTP, which has to see
 * a whole line of text before it can say no. So nobody waits for a line end that never comes.
 */
import type { Detector } from './detector.ts';
import { h2c } from './h2c.ts';
import { http1 } from './http1.ts';
import { postgres } from './postgres.ts';
import { resp } from './resp.ts';
import { socks } from './socks.ts';
import { ssh } from './ssh.ts';
import { tlsClientHello } from './tls-client-hello.ts';

export const builtinDetectors: readonly Detector[] = [tlsClientHello, postgres, socks, resp, ssh, h2c, http1];
