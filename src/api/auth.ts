/** The bearer token of the TCP listener (RFC 6750). The unix socket needs none: its file mode decides. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { onRequestHookHandler } from 'fastify';
import { DetourError } from '../errors.js';

/** A hook that refuses every request without the token, before anything of the request is looked at. */
export function requireToken(token: string): onRequestHookHandler {
  const wanted = digest(token);
  return (request, reply, done) => {
    const match = /^Bearer +([^\s]+)$/i.exec(request.headers.authorization ?? '');
    // Digests have one length: the comparison tells neither the token's bytes nor how many there are.
    if (match !== null && timingSafeEqual(digest(match[1]!), wanted)) return done();
    reply.header('www-authenticate', 'Bearer realm="detour"');
    const reason = match === null ? 'a bearer token is needed' : 'the bearer token is not the right one';
    done(new DetourError('UNAUTHORIZED', { reason }));
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
