/**
 * The far server of the story: HTTP on the address and port given. `/` gives the address that it sees the asker at,
 * `/bytes/N` gives N bytes, at most 100 MB. One line of JSON for each connection goes to standard output.
 */
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';

const CHUNK = Buffer.alloc(64 * 1024, 'detour ');
const MAXIMUM_BYTES = 100_000_000;

function sendBytes(response: ServerResponse, count: number): void {
  response.writeHead(200, { 'content-length': count });
  let left = count;
  const more = (): void => {
    while (left > 0) {
      const piece = CHUNK.subarray(0, Math.min(left, CHUNK.length));
      left -= piece.length;
      if (!response.write(piece)) {
        response.once('drain', more);
        return;
      }
    }
    response.end();
  };
  more();
}

const [host, port] = process.argv.slice(2);
const server = createServer((request, response) => {
  const asked = /^\/bytes\/(\d+)$/.exec(request.url ?? '');
  if (asked) sendBytes(response, Math.min(Number(asked[1]), MAXIMUM_BYTES));
  else response.end(request.socket.remoteAddress);
});
server.on('connection', (socket) => console.log(JSON.stringify({ from: socket.remoteAddress })));
server.listen(Number(port), host, () => console.log(JSON.stringify({ listening: `${host} ${port}` })));
