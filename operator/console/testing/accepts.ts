/** Whether something takes connections at an address. */
import { once } from 'node:events';
import { connect } from 'node:net';

export async function accepts(port: number, host = '127.0.0.1'): Promise<boolean> {
  const socket = connect({ host, port, timeout: 1_000 });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
