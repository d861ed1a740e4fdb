/** A proxy before a database server that cuts a connection while a COMMIT is under way. */
import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

/** `before`: the server never sees the COMMIT. `after`: it has answered, and nobody hears it. */
export type Cut = 'before' | 'after';

export interface CuttingProxy {
  readonly port: number;
  /** Cuts the connection that says COMMIT next; resolves when that has happened, and to `false` when the cut is called off. */
  cutNext(cut: Cut, callOff: Promise<unknown>): Promise<boolean>;
  close(): void;
}

/** Everything else passes as it is. Clients wait for each answer, so a COMMIT travels alone. */
export async function startProxy(target: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let wanted: { readonly cut: Cut; readonly done: () => void } | undefined;

  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', () => {
        sockets.delete(socket);
        end();
      });
    }
    let isDeaf = false;
    client.on('data', (bytes) => {
      if (!wanted || !bytes.includes('COMMIT')) {
        upstream.write(bytes);
        return;
      }
      const { cut, done } = wanted;
      wanted = undefined;
      if (cut === 'before') end();
      else {
        isDeaf = true;
        upstream.write(bytes);
      }
      done();
    });
    upstream.on('data', (bytes) => {
      if (isDeaf) end();
      else client.write(bytes);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    port: (server.address() as AddressInfo).port,
    cutNext(cut, callOff) {
      return new Promise((resolve) => {
        const own = { cut, done: () => resolve(true) };
        wanted = own;
        const give = (): void => {
          if (wanted === own) wanted = undefined;
          resolve(false); // nothing new, where it was cut
        };
        callOff.then(give, give);
      });
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
