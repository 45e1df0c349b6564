"""proxy: a TCP relay in a box that loses what a test wants lost."""

import socket
import threading

HANDSHAKE_OVER = 23  # the record type of TLS application data


class Proxy:
    """Relays port `port` of the box to `target`. With lose_answers everything that comes back after the client's first
    application data is thrown away: the request arrives, its answer does not."""

    def __init__(self, box, target, lose_answers=False, port=17443):
        self.box, self.target, self.lose_answers = box, target, lose_answers
        self.listener = box.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen()
        self.address = f"127.0.0.1:{port}"
        self.lost = 0
        self.asked = threading.Event()
        self.pairs = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client = self.listener.accept()[0]
                server = self.box.dial(self.target)
            except OSError:
                return
            server.settimeout(None)
            self.pairs.append((client, server))
            threading.Thread(target=self._up, args=(client, server), daemon=True).start()
            threading.Thread(target=self._down, args=(server, client), daemon=True).start()

    def _up(self, client, server):
        """Client to server; watches record headers for the first application data."""
        pending = b""
        while data := self._read(client):
            pending += data
            while len(pending) >= 5 and len(pending) >= 5 + int.from_bytes(pending[3:5], "big"):
                if pending[0] == HANDSHAKE_OVER:
                    self.asked.set()
                pending = pending[5 + int.from_bytes(pending[3:5], "big"):]
            self._write(server, data)
        self._close(server)

    def _down(self, server, client):
        while data := self._read(server):
            if self.lose_answers and self.asked.is_set():
                self.lost += len(data)
                continue
            self._write(client, data)
        self._close(client)
        self._close(server)

    @staticmethod
    def _read(sock):
        try:
            return sock.recv(65536)
        except OSError:
            return b""

    @staticmethod
    def _write(sock, data):
        try:
            sock.sendall(data)
        except OSError:
            pass

    @staticmethod
    def _close(sock):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def hang_up(self):
        """Ends the connections there are."""
        for pair in self.pairs:
            for sock in pair:
                self._close(sock)
        self.pairs.clear()

    def close(self):
        self._close(self.listener)
        self.listener.close()
        self.hang_up()
