/** The library's default: says nothing, and loads nothing that could. */
import type { Logger } from '../proxy-api.ts';

export const silentLogger: Logger = { log: () => {} };
