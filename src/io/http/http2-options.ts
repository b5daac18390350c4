/**
 * What sessions of node:http2 are made with, for clients and for upstreams.
 *
 * Decides the limits that nghttp2 keeps; what it does not keep is `http2-guard.ts`'s. No option here starts a timer.
 * Options that a Node does not know it ignores.
 */
import type { ClientSessionOptions, ServerSessionOptions } from 'node:http2';
import { defaultHttpLimits } from '../../protocols/http1/reader.ts';

/** Streams that a client may have open at once. */
export const concurrentStreamsMax = 100;
/** What may be on its way to us per stream: RFC 9113's default, so that 100 of them hold 6.4 MB at the most. */
const clientWindowBytes = 65_535;
/** As much from an upstream, which is trusted more and further away. */
const upstreamWindowBytes = 262_144;
export const upstreamConnectionWindowBytes = 1_048_576;

/**
 * Field lines that nghttp2 hands over at all. More than the 100 of the model, so that cookies may come in pieces and the
 * answer to too many fields can be 431.
 */
const linesMax = 256;
/** Bytes of them, with the 32 that RFC 9113 counts for each. */
const listBytesMax = defaultHttpLimits.headBytesMax + linesMax * 32;

export const serverOptions: ServerSessionOptions = {
  maxSessionMemory: 10,
  maxHeaderListPairs: linesMax,
  maxOutstandingPings: 10,
  maxSettings: 32,
  maxSessionInvalidFrames: 1_000,
  maxSessionRejectedStreams: 100,
  streamResetBurst: 200,
  streamResetRate: 33,
  settings: {
    maxConcurrentStreams: concurrentStreamsMax,
    initialWindowSize: clientWindowBytes,
    maxHeaderListSize: listBytesMax,
    enableConnectProtocol: true,
  },
};

export const clientOptions: ClientSessionOptions = {
  maxSessionMemory: 10,
  maxHeaderListPairs: linesMax,
  maxOutstandingPings: 10,
  maxSettings: 32,
  maxReservedRemoteStreams: 0,
  /** Until the upstream has said how many it takes. */
  peerMaxConcurrentStreams: 100,
  settings: {
    initialWindowSize: upstreamWindowBytes,
    maxHeaderListSize: listBytesMax,
    enablePush: false,
  },
};
