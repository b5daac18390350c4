/**
 * What can be wrong with `detectors`, and the names it makes known.
 */
import type { Finding } from './finding.ts';
import type { Sections } from './schema.ts';
import { nearest } from './suggest.ts';

/** Every name `match.protocol` may have: nothing in particular, the built-in ones, what HTTP can become, one's own. */
export function protocolNames({ detectors = {} }: Sections, builtIn: readonly string[]): readonly string[] {
  const own = Object.keys(detectors).filter((name) => typeof detectors[name] === 'function' && !builtIn.includes(name));
  return ['tcp', ...builtIn, 'websocket', ...own];
}

export function checkDetectors({ detectors = {} }: Sections, builtIn: readonly string[]): readonly Finding[] {
  return Object.entries(detectors).flatMap(([name, value]): readonly Finding[] => {
    const path = ['detectors', name];
    if (name === 'tcp' || name === 'websocket')
      return [{ path, message: `${name} is not a detector's name`, part: 'key' }];
    if (typeof value === 'function') {
      return builtIn.includes(name)
        ? [{ path, message: 'a built-in detector has this name; give yours another', part: 'key' }]
        : [];
    }
    if (builtIn.includes(name)) return [];
    return [
      {
        path,
        message: 'there is no built-in detector of this name',
        expected: builtIn.join(', '),
        suggestion: nearest(name, builtIn),
        part: 'key',
      },
    ];
  });
}
