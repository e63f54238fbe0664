#!/usr/bin/env python3
"""A name server that does what none should, for test_seeds_hostile.sh.

    dns_hostile.py ADDR PORT

What it does depends on the last label of the name, or, below ip6.arpa, on the fourth
group of the prefix (2001:db8:0:<kind>::/64 ...; see ARPA).  UDP and TCP.
"""
import socket
import struct
import sys
import threading
import time

A, NS, CNAME, SOA, PTR, TXT, AAAA, NSEC, DNSKEY, AXFR = 1, 2, 5, 6, 12, 16, 28, 47, 48, 252
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
AA, TC = 0x400, 0x200


def name(labels):
    return b''.join(bytes([len(x)]) + x for x in labels) + b'\0'


def dotted(text):
    return name([x.encode() for x in text.split('.') if x])


def record(owner, kind, data, cls=1):
    return owner + struct.pack('!HHIH', kind, cls, 60, len(data)) + data


def soa(owner):
    return record(owner, SOA, b'\0\0' + struct.pack('!5I', 1, 2, 3, 4, 5))


def nsec(owner, to, kinds):
    bits = bytearray(32)
    for k in kinds:
        bits[k // 8] |= 128 >> k % 8
    bits = bytes(bits).rstrip(b'\0')
    return record(owner, NSEC, to + bytes([0, len(bits)]) + bits)


class Query:
    def __init__(self, wire):
        self.wire = wire
        self.id = wire[:2]
        self.labels, at = [], 12
        while wire[at]:
            self.labels.append(wire[at + 1:at + 1 + wire[at]])
            at += 1 + wire[at]
        self.kind = struct.unpack('!H', wire[at + 1:at + 3])[0]
        self.question = wire[12:at + 5]
        self.name = wire[12:at + 1]
        self.low = [x.lower() for x in self.labels]

    def reply(self, flags=AA, rcode=NOERROR, answer=(), authority=(), additional=(),
              question=None, ident=None, counts=None):
        question = self.question if question is None else question
        counts = counts or (len(answer), len(authority), len(additional))
        return ((self.id if ident is None else ident) +
                struct.pack('!HHHHH', 0x8000 | flags | rcode, 1 if question else 0, *counts) +
                question + b''.join((*answer, *authority, *additional)))


def good(q):
    return q.reply(answer=[record(q.name, AAAA, b' \x01\r\xb8' + bytes(11) + b'\x01')])


# The reply for example.com AAAA that makes Debian's libldns 1.8.3 crash when it prints
# it: EDNS option 13.
SEGV = bytes.fromhex(
    '010085000001000300020001076578616d706c6503636f6d00001c0001c00c001c00010000010000'
    '1020010db8000000000000000000000001c00c002e0001000001000018001c0d0200000100010203'
    '04010203040007000102030405c00c001000010000010000050452626364c00c002f000100000100'
    '0009000006400100000003c00c003200010000010000220100000100140102030405060708090a0b'
    '0c0d0e0f1011121314000640010000000300002904d000008000000c000d00080102030405060708')


def segv(q):
    return q.id + SEGV[2:12] + q.question + SEGV[12 + len(q.question):]


# Two TSIG records: libldns leaks the second.
TSIG = b'\0\0\xfa\0\xff\0\0\0\0\0\x11' + bytes(17)


# ---- forward names ------------------------------------------------------------------

def ring(q, n):
    names = [dotted('r%d.ring' % i) for i in range(n)]
    names[0] = q.name
    return [record(names[i], CNAME, names[(i + 1) % n]) for i in range(n)]


def chain(q):
    number = int(q.low[0]) if q.low[0].isdigit() else 0
    return q.reply(answer=[record(q.name, CNAME, dotted('%d.chain' % (number + 1)))])


def twist(q):
    other = {b'a': 'b', b'b': 'a'}.get(q.low[0], 'a')
    return q.reply(answer=[record(q.name, CNAME, dotted(other + '.twist'))])


def other_question(q):
    return good(q).replace(q.question, dotted('another.name') + q.question[-4:], 1)


# Each gives datagrams; TCP gets the last one.
FORWARD = {
    b'good': lambda q: [good(q)],
    b'selfish': lambda q: [q.reply(answer=[record(q.name, CNAME, q.name)])],
    b'twist': lambda q: [twist(q)],
    b'chain': lambda q: [chain(q)],
    b'ring': lambda q: [q.reply(answer=ring(q, 30))],
    b'wrongid': lambda q: [good(q)[:1] + bytes([good(q)[1] ^ 1]) + good(q)[2:]],
    b'wrongname': lambda q: [other_question(q)],
    b'wrongtype': lambda q: [good(q).replace(q.question, q.name + b'\0\x01\0\x01', 1)],
    b'noquestion': lambda q: [q.reply(question=b'')],
    b'query': lambda q: [q.wire],
    b'anycase': lambda q: [good(q).replace(q.question, q.question.lower(), 1)],
    b'big': lambda q: [good(q) + bytes(60000)],
    b'short': lambda q: [q.wire[:2], q.wire[:11], b''],
    b'counts': lambda q: [q.reply(counts=(65535, 65535, 65535))],
    b'pointer': lambda q: [q.reply(answer=[b'\xc0' + bytes([12 + len(q.question)]) +
                                           b'\0\x1c\0\x01\0\0\0\0\0\x10' + bytes(16)])],
    b'longdata': lambda q: [q.reply(answer=[q.name + b'\0\x1c\0\x01\0\0\0\0\xff\xff' + bytes(16)])],
    b'wrongclass': lambda q: [q.reply(answer=[record(q.name, AAAA, bytes(16), 3)])],
    b'wronglen': lambda q: [q.reply(answer=[record(q.name, AAAA, bytes(15))])],
    b'elsewhere': lambda q: [q.reply(answer=[record(dotted('victim.test'), AAAA, bytes(16))])],
    b'flood': lambda q: [other_question(q)] * 200 + [good(q)],
    b'com': lambda q: [segv(q)],
    b'tsig': lambda q: [good(q)[:11] + b'\2' + good(q)[12:] + TSIG * 2],
    b'truncated': lambda q: [q.reply(flags=AA | TC)],
    b'hangs': lambda q: [q.reply(flags=AA | TC)],
    b'trickles': lambda q: [q.reply(flags=AA | TC)],
    b'liar': lambda q: [q.reply(flags=AA | TC)],
    b'silent': lambda q: [],
    b'servfail': lambda q: [q.reply(flags=0, rcode=SERVFAIL)],
    b'refused': lambda q: [q.reply(flags=0, rcode=REFUSED)],
    b'formerr': lambda q: [q.reply(flags=0, rcode=FORMERR)],
    b'formerrbare': lambda q: [q.reply(flags=0, rcode=FORMERR, question=b'')],
    b'notimp': lambda q: [q.reply(flags=0, rcode=NOTIMP)],
    b'odd': lambda q: [q.reply(flags=0, rcode=11)],
}


# ---- signed zones ---------------------------------------------------------------------

def signed(q, zone, chain_of):
    """A zone with a DNSKEY, whose NSEC chain_of(owner labels) gives: (owner, next)."""
    apex = name([zone])
    if len(q.low) == 1 and q.kind == SOA:
        return [q.reply(answer=[soa(apex)])]
    if len(q.low) == 1 and q.kind == DNSKEY:
        return [q.reply(answer=[record(apex, DNSKEY, bytes(8))])]
    owner, to = chain_of(q.low[:-1])
    section = {'answer': [nsec(owner, to, (AAAA, NSEC))]} if q.kind == NSEC and \
        owner == name(q.low) else {'authority': [soa(apex), nsec(owner, to, (AAAA, NSEC))]}
    return [q.reply(**section)]


def under(zone, *labels):
    return name([*labels, zone])


def forever(zone):
    """h0, h1, ... without end, in canonical order by eight digits."""
    def at(labels):
        if not labels or not labels[-1][1:9].isdigit():
            n = -1
        else:
            n = int(labels[-1][1:9])
        owner = under(zone) if n < 0 else under(zone, b'h%08d' % n)
        return owner, under(zone, b'h%08d' % (n + 1))
    return at


def epsilon(zone):
    """RFC 4470: just before, and just after, the name."""
    def at(labels):
        if not labels:
            return under(zone), under(zone, b'\0')
        label = labels[-1]
        return (under(zone, label[:-1] + bytes([label[-1] - 1 & 255]) + b'\xff'),
                under(zone, label + b'\0'))
    return at


def fixed(owner, to):
    return lambda labels: (owner, to)


def at_m(zone, to):
    """From the apex to m, and from there somewhere."""
    def at(labels):
        return (under(zone, b'm'), to) if labels == [b'm'] else (under(zone), under(zone, b'm'))
    return at


SIGNED = {
    b'same': lambda z: fixed(under(z), under(z, b'a')),
    b'still': lambda z: at_m(z, under(z, b'm')),
    b'back': lambda z: at_m(z, under(z, b'c')),
    b'out': lambda z: at_m(z, dotted('some.where')),
    b'forever': forever,
    b'epsilon': epsilon,
    b'blacklies': lambda z: lambda labels: (under(z, *labels), under(z, b'\0', *labels)),
    b'longest': lambda z: at_m(z, under(z, *[b'z' * 61] * 3, b'z' * 50)),
}


def bare(q):
    """A DNSKEY, but denials without NSEC."""
    apex = name([b'bare'])
    if len(q.low) == 1:
        answer = {SOA: soa(apex), DNSKEY: record(apex, DNSKEY, bytes(8))}.get(q.kind)
        return [q.reply(answer=[answer] if answer else [])]
    return [q.reply(rcode=NXDOMAIN, authority=[soa(apex)])]


# ---- reverse zones: 2001:db8:0:<kind>::/64 ----------------------------------------------

def reverse(nibbles):
    return name([*[b'%c' % c for c in reversed(nibbles)], b'ip6', b'arpa'])


def arpa(q):
    digits = b''.join(reversed(q.low[:-2]))
    kind, rest = digits[12:16], digits[16:]
    apex = reverse(digits[:16])
    if len(digits) < 16:
        return [q.reply(authority=[soa(reverse(digits[:8]))])]
    if q.kind == SOA and not rest and kind not in (b'000d', b'000e', b'000f'):
        return [q.reply(answer=[soa(apex)])]
    return ARPA.get(kind, lambda q, rest, apex: [q.reply(rcode=NXDOMAIN, authority=[soa(apex)])])(
        q, rest, apex)


def nodata(q, rest, apex):
    return [q.reply(authority=[soa(apex)])]


def deeper(q, rest, apex):
    """All inner nodes exist, and no leaf."""
    return [q.reply(rcode=NXDOMAIN if len(rest) == 16 else NOERROR, authority=[soa(apex)])]


def alias(q, rest, apex):
    return [q.reply(answer=[record(q.name, CNAME, dotted('x.good'))])]


def hidden(q, rest, apex):
    """One host, ::7, and its parents are denied."""
    if rest == b'0000000000000007':
        return [q.reply(answer=[record(q.name, PTR, dotted('host.good'))])]
    return [q.reply(rcode=NOERROR if not rest else NXDOMAIN, authority=[soa(apex)])]


def spotty(q, rest, apex):
    """Hosts ::1 and ::9; what begins with 8 fails."""
    if rest[:1] == b'8':
        return [q.reply(flags=0, rcode=SERVFAIL)]
    if rest in (b'0000000000000001', b'0000000000000009'):
        return [q.reply(answer=[record(q.name, PTR, dotted('host.good'))])]
    inner = not rest.strip(b'0')
    return [q.reply(rcode=NOERROR if inner else NXDOMAIN, authority=[soa(apex)])]


def referral(owner, host, addr):
    def give(q, rest, apex):
        where = owner(q, apex)
        return [q.reply(flags=0, authority=[record(where, NS, dotted(host))],
                        additional=[record(dotted(host), A, socket.inet_aton(addr))])]
    return give


ARPA = {
    b'000a': nodata,
    b'000b': deeper,
    b'000c': alias,
    b'000d': referral(lambda q, apex: b'\0', 'a.root.test', '127.0.0.9'),
    b'000e': referral(lambda q, apex: apex, 'ns.test', sys.argv[1] if len(sys.argv) > 1 else ''),
    b'000f': referral(lambda q, apex: q.name, 'ns.test', sys.argv[1] if len(sys.argv) > 1 else ''),
    b'0010': hidden,
    b'0011': spotty,
}


# ---- transfers --------------------------------------------------------------------------

def framed(message):
    return struct.pack('!H', len(message)) + message


def transfer(q, sock):
    zone, apex = q.low[-1], name(q.labels)
    head = framed(q.reply(answer=[soa(apex)]))
    host = framed(q.reply(answer=[record(under(zone, b'h'), AAAA, b' \x01\r\xb8' + bytes(12))]))
    if zone == b'xgood':
        sock.sendall(head + host + head)
    elif zone == b'xhangs':
        sock.sendall(head[:5])
        time.sleep(30)
    elif zone == b'xtrickles':
        for byte in head + host * 1000:
            sock.sendall(bytes([byte]))
            time.sleep(0.05)
    elif zone == b'xempty':
        sock.sendall(head + framed(q.reply()) * 100000)
    elif zone == b'xforever':
        while True:
            sock.sendall(head + host * 1000 if head else host * 1000)
            head = b''
    elif zone == b'xheadless':
        sock.sendall(host + head)
    elif zone == b'xforeign':
        sock.sendall(head + framed(q.reply(answer=[record(dotted('h.victim'), AAAA, bytes(16))])))
    elif zone == b'xwrongid':
        sock.sendall(framed(q.reply(answer=[soa(apex)], ident=b'zz')))
    elif zone == b'xzero':
        sock.sendall(b'\0\0' * 1000)
    elif zone == b'xcut':
        sock.sendall(head + host[:-5])
    elif zone == b'xcounts':
        sock.sendall(framed(q.reply(answer=[soa(apex)], counts=(65535, 0, 0))))


def answers(q):
    zone = q.low[-1] if q.low else b''
    if zone == b'arpa':
        return arpa(q)
    if zone in SIGNED:
        return signed(q, zone, SIGNED[zone](zone))
    if zone == b'bare':
        return bare(q)
    return FORWARD.get(zone, lambda q: [q.reply(rcode=NXDOMAIN)])(q)


def serve_tcp_one(sock):
    try:
        want = struct.unpack('!H', sock.recv(2, socket.MSG_WAITALL))[0]
        q = Query(sock.recv(want, socket.MSG_WAITALL))
        zone = q.low[-1]
        if q.kind == AXFR:
            transfer(q, sock)
        elif zone == b'hangs':
            time.sleep(30)
        elif zone == b'trickles':
            for byte in framed(good(q)):
                sock.sendall(bytes([byte]))
                time.sleep(0.1)
        elif zone == b'liar':
            sock.sendall(b'\xff\xff' + good(q))
        else:
            for message in answers(q)[-1:]:
                sock.sendall(framed(message))
    except (OSError, struct.error, IndexError):
        pass
    sock.close()


def serve_tcp(listener):
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve_tcp_one, args=(sock,), daemon=True).start()


def main():
    addr, port = sys.argv[1], int(sys.argv[2])
    listener = socket.create_server((addr, port), backlog=100)
    threading.Thread(target=serve_tcp, args=(listener,), daemon=True).start()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((addr, port))
    while True:
        wire, peer = sock.recvfrom(4096)
        try:
            for message in answers(Query(wire)):
                sock.sendto(message, peer)
        except (OSError, IndexError, struct.error) as e:
            print(e, file=sys.stderr)


main()
