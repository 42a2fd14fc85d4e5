"""Between a client and a PostgreSQL server: everything passes, until the server's first error after a COPY was asked for. Then
the client hears nothing more, as from a server that hangs before ReadyForQuery.

    with StallingProxy(postgres.port) as proxy: ... proxy.port ... proxy.stalled
"""

import socket
import struct
import threading


class StallingProxy:
    def __init__(self, server_port):
        self.server_port, self.copying, self.stalled, self.over = server_port, False, False, threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = []

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for s in [self.listener, *self.sockets]:
            s.close()

    def accept(self):
        while not self.over.is_set():
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.server_port))
            self.sockets += [client, server]
            threading.Thread(target=self.to_server, args=(client, server), daemon=True).start()
            threading.Thread(target=self.to_client, args=(client, server), daemon=True).start()

    def to_server(self, client, server):
        try:
            while data := client.recv(65536):
                self.copying |= b"COPY (" in data
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def to_client(self, client, server):
        stream = server.makefile("rb")
        try:
            while head := stream.read(5):
                client.sendall(head + stream.read(struct.unpack("!i", head[1:])[0] - 4))
                if head[:1] == b"E" and self.copying:
                    self.stalled = True
                    self.over.wait()
            client.shutdown(socket.SHUT_WR)
        except (OSError, struct.error):
            pass
