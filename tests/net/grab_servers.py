#!/usr/bin/env python3
"""Plain servers on 127.0.0.1 for test_grab.sh: one behaviour a port.  What clients
send, and how many were there at once, goes to standard output."""
import os, select, socket, ssl, subprocess, sys, tempfile, threading, time

lock = threading.Lock()


def say(*words):
    with lock:
        print(*words, flush=True)


def certificate():
    d = tempfile.mkdtemp()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", "/CN=plain", "-keyout", d + "/key", "-out", d + "/cert"],
        check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(d + "/cert", d + "/key")
    for name in ("key", "cert"):
        os.unlink(d + "/" + name)
    os.rmdir(d)
    return context


def read(s):
    try:
        return s.recv(4096)
    except OSError:
        return b""


def talk(s, port, tls):
    if port == 21:
        s.sendall(b"220 ProFTPD ready\r\n")
    elif port == 22:
        s.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
    elif port == 25:
        s.sendall(b"220 mail.example.org ESMTP Postfix\r\n")
        say("25:", read(s))
        s.sendall(b"250-mail.example.org\r\n")
        time.sleep(0.01)
        s.sendall(b"250 STARTTLS\r\n")
        if read(s).startswith(b"STARTTLS"):
            s.sendall(b"220 go ahead\r\n")
            s = tls.wrap_socket(s, server_side=True)
    elif port == 80:
        say("80:", read(s))
        s.sendall(b"HTTP/1.1 301 Moved\r\nServer: nginx/1.2\r\n")
        time.sleep(0.01)
        s.sendall("Location: https://example.org/\r\n\r\n<html><TITLE lang=x>Moved é "
                  '"here"</TITLE>'.encode())
        return
    elif port == 110:
        s.sendall(b"+OK ready\r\n")
    elif port == 1234:
        read(s)
        s.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
    elif port == 1236:
        try:
            for _ in range(1000):
                s.sendall(b"flood   " * 512)
        except OSError:
            pass
        return
    elif port == 1237:
        s.sendall(b'\x80\xff\x00\x1b[31m"\\\xed\x9f\xbf')
    elif port == 1238:
        return
    elif port in (1239, 1240):
        data = read(s)
        if data[:1] == b"G":
            # As some say it; servers on top of OpenSSL say nothing.
            if port == 1239:
                s.sendall(b"\x15\x03\x01\x00\x02\x02\x0a")
            return
        # The hello is gone: another end for it, and a copy in between.
        a, b = socket.socketpair()
        threading.Thread(target=pump, args=(b, s), daemon=True).start()
        b.sendall(data)
        threading.Thread(target=pump, args=(s, b), daemon=True).start()
        t = tls.wrap_socket(a, server_side=True)
        read(t)
        t.sendall(b"hello inside\r\n")
        return
    elif port == 3306:
        s.sendall(b"\x10\x00\x00\x00\x0a8.0.30\x00\x01\x02\x03\x04abcd")
    elif port == 5432:
        read(s)
        s.sendall(b"S")
        try:
            s = tls.wrap_socket(s, server_side=True)
        except (OSError, ssl.SSLError):
            return
    elif port == 6379:
        read(s)
        s.sendall(b"+PONG\r\n")
    data = read(s)
    if port in (9100, 1235):
        say("%d:" % port, data)
    if data:
        read(s)


def pump(a, b):
    try:
        while True:
            data = a.recv(4096)
            if not data:
                break
            b.sendall(data)
    except OSError:
        pass


active = {}


def is_open(s):
    """Whether the other side still has it open: what it closed, it may replace."""
    p = select.poll()
    if s.fileno() < 0:
        return False
    p.register(s, select.POLLRDHUP)
    return not p.poll(0)


def one(s, port, tls):
    with lock:
        active.setdefault(port, set()).add(s)
        n = sum(is_open(x) for x in active[port]) if port == 1235 else 0
    if port == 1235:
        say("most", n)
    try:
        s.settimeout(5)
        talk(s, port, tls)
    except (OSError, ssl.SSLError):
        pass
    finally:
        # Before the other side can know that it may come again.
        with lock:
            active[port].discard(s)
        try:
            s.close()
        except OSError:
            pass


def serve(l, port, tls):
    while True:
        s, _ = l.accept()
        threading.Thread(target=one, args=(s, port, tls), daemon=True).start()


def main():
    tls = certificate()
    for port in (21, 22, 25, 80, 110, 1234, 1235, 1236, 1237, 1238, 1239, 1240, 3306, 5432,
                 6379, 9100):
        l = socket.socket()
        l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        l.bind(("127.0.0.1", port))
        l.listen(100)
        threading.Thread(target=serve, args=(l, port, tls), daemon=True).start()
    say("listening")
    while os.getppid() != 1:
        time.sleep(0.2)


main()
