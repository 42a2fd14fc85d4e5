"""A server that speaks just enough of PostgreSQL's protocol to claim to be something else, or to break off in odd places.

    with Stub(version="PostgreSQL 13.14 ...", server_version="13.14") as stub: ... stub.port ... stub.said

Source: PostgreSQL "Frontend/Backend Protocol", Message Formats.
"""

import socket
import struct
import threading

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102


def message(kind, body=b""):
    return kind + struct.pack("!i", len(body) + 4) + body


def text(s):
    return s.encode() + b"\0"


def parameter(name, value):
    return message(b"S", text(name) + text(value))


def error(severity, state, words):
    return message(b"E", b"S" + text(severity) + b"V" + text(severity) + b"C" + text(state) + b"M" + text(words) + b"\0")


def row(cells):
    names = b"".join(text(f"c{i}") + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0) for i in range(len(cells)))
    data = b"".join(struct.pack("!i", len(c)) + c for c in (cell.encode() for cell in cells))
    return (message(b"T", struct.pack("!h", len(cells)) + names) + message(b"D", struct.pack("!h", len(cells)) + data)
            + message(b"C", text("SELECT 1")))


READY = message(b"Z", b"I")
AUTH_OK = message(b"R", struct.pack("!i", 0))


class Stub:
    """Answers version() with `version`; every setting in `unknown` and everything else is an error.

    `startup` and `query`, when given, are the bytes sent instead of the greeting and of the first answer; then `end` says
    what happens: "close", or "silent" (nothing more comes). `pause` waits between the bytes of `startup`. `answers`: a row
    of cells for every statement that contains a word, {word: cells}."""

    def __init__(self, version="", server_version="15.4", unknown=(), startup=None, query=None, end="close", pause=0,
                 answers=None):
        self.version, self.server_version, self.unknown = version, server_version, unknown
        self.startup, self.query, self.end, self.pause = startup, query, end, pause
        self.answers = answers or {}
        self.said = []          # statements, in order
        self.done = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self.accept, daemon=True)]

    def __enter__(self):
        self.threads[0].start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for t in self.threads:
            t.join(timeout=5)
            assert not t.is_alive(), "a connection was left open"

    def accept(self):
        while not self.done.is_set():
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.threads.append(threading.Thread(target=self.talk, args=(client,), daemon=True))
            self.threads[-1].start()

    def talk(self, client):
        with client, client.makefile("rb") as stream:
            try:
                if self.greet(client, stream):
                    while self.answer(client, stream):
                        pass
            except (OSError, struct.error):
                pass  # the client went away

    def finish(self, client):
        if self.end == "silent":
            client.settimeout(0.1)
            while not self.done.is_set():
                try:
                    if not client.recv(4096):
                        return False
                except TimeoutError:
                    pass
        return False

    def send_slowly(self, client, data):
        for i in range(len(data)):
            if self.done.wait(self.pause):
                return
            client.sendall(data[i:i + 1])

    def greet(self, client, stream):
        while True:
            size, code = struct.unpack("!ii", stream.read(8))
            stream.read(size - 8)
            if code == CANCEL_REQUEST:
                return False
            if code not in (SSL_REQUEST, GSS_REQUEST):
                break
            client.sendall(b"N")
        if self.startup is not None:
            self.send_slowly(client, self.startup) if self.pause else client.sendall(self.startup)
            return self.finish(client)
        client.sendall(AUTH_OK + parameter("server_version", self.server_version) + parameter("server_encoding", "UTF8")
                       + parameter("client_encoding", "UTF8") + parameter("standard_conforming_strings", "on")
                       + message(b"K", struct.pack("!ii", 1, 2)) + READY)
        return True

    def answer(self, client, stream):
        kind = stream.read(1)
        if not kind or kind == b"X":
            return False
        sql = stream.read(struct.unpack("!i", stream.read(4))[0] - 4).rstrip(b"\0").decode()
        self.said.append(sql)
        if self.query is not None:
            client.sendall(self.query)
            return self.finish(client)
        missing = next((name for name in self.unknown if name in sql), None)
        if missing:
            client.sendall(error("ERROR", "42704", f'unrecognized configuration parameter "{missing}"') + READY)
        elif "version()" in sql:
            client.sendall(row([self.version, "stub"]) + READY)
        elif known := next((cells for word, cells in self.answers.items() if word in sql), None):
            client.sendall(row(known() if callable(known) else known) + READY)
        else:
            client.sendall(error("ERROR", "0A000", "the stub does not do that") + READY)
        return True
