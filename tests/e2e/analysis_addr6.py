#!/usr/bin/env python3
"""Compare sextant analysis with the addr6 that is installed (version 2.0 of Debian).

usage: analysis_addr6.py SEXTANT SHARED.  The lists are made here; where SHARED has
real ones, they are compared, too.  Prints what differs; status 1 if anything does.
"""
import bz2
import collections
import ipaddress
import lzma
import os
import random
import re
import subprocess
import sys

sextant, shared = sys.argv[1:3]
faults = 0


def fault(*what):
    global faults
    faults += 1
    if faults < 20:
        print(*what)


def run(args, text):
    done = subprocess.run(args, input=text, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{args}: status {done.returncode} {done.stderr}")
    return done.stdout


# ---- lists ------------------------------------------------------------------------

NETS = ["2001:db8:1:2", "2a00:1:2:3", "2000:0:0:0", "3fff:ffff:ffff:ffff", "2002:c000:201:1",
        "2001:0:506:708", "fe80:0:0:0", "febf:0:0:0", "fec0:0:0:0", "fc00:0:0:0",
        "fd12:3456:789a:1", "64:ff9b:0:0", "4000:0:0:0", "fe00:0:0:0"]
NETS += [f"ff{flags:x}{scope:x}:0:0:0" for flags in range(16) for scope in range(16)]
WORDS = [0, 1, 2, 15, 16, 17, 0x11, 0xff, 0x100, 0x80, 80, 0x443, 443, 0x8080, 8080, 0x6446,
         0x53, 53, 0x255, 0x256, 0x200, 0x5efe, 0x2ff, 0xfe00, 0xfeff, 0xfffe, 0xffff, 0x1111,
         0xdead, 0xbeef, 0xa00, 0x1a00, 0xc000]


def made_list(seed, n):
    r = random.Random(seed)
    out = ["::", "::1", "::2", "::192.0.2.1", "::ffff:192.0.2.1", "::ffff:0:1"]
    for _ in range(n):
        kind = r.randrange(10)
        if kind < 6:
            iid = [r.choice(WORDS) for _ in range(4)]
        elif kind < 8:
            iid = [r.randrange(1 << 16) for _ in range(4)]
        else:
            iid = [r.randrange(1 << 16), r.randrange(256) << 8 | 0xff,
                   0xfe00 | r.randrange(256), r.randrange(1 << 16)]
        if r.randrange(2):
            iid[:2] = [0, 0]
        net = NETS[r.randrange(14) if r.randrange(8) else r.randrange(len(NETS))]
        text = net + "".join(f":{w:x}" for w in iid)
        out.append(str(ipaddress.IPv6Address(text)))
    return out


def real_lists():
    """Name and addresses of the lists of SHARED, if there are any."""
    lists = os.path.join(shared, "data", "lists")
    for name in ("tum_responsive_first10000.txt", "CuiTianyu961030+6VecLM.txt.xz",
                 "PBH-BTN+BTN-Collected-Rules.txt.bz2"):
        path = os.path.join(lists, name)
        if os.path.exists(path):
            op = {"xz": lzma.open, "bz2": bz2.open}.get(name.rsplit(".")[-1], open)
            with op(path, "rt") as f:
                yield name, f.read().split()
    path = os.path.join(shared, "data", "golden", "quirks.txt")
    if os.path.exists(path):
        with open(path) as f:
            yield "quirks", f.read().split()


# ---- addr6 -d ---------------------------------------------------------------------

def known_difference(theirs, ours, address):
    """What 2.0 says of an address and 2.2, as ours does, says otherwise: why."""
    if ours.startswith(("multicast=permanent=", "multicast=unknown=")) and \
            theirs.split("=")[2:] == ours.split("=")[2:]:
        return ("permanent multicast and reserved flags have no subtype in 2.0: it prints "
                "none, or that of an address before")
    if "=teredo=" in ours and theirs == ours.replace("=teredo=", "=global="):
        return "2.0 does not know Teredo"
    if "=teredo=" in ours:
        return known_difference(theirs, ours.replace("=teredo=", "=global="), address)
    if theirs.endswith("=embedded-port=unspecified") and ours.endswith("=port-fwd"):
        return "no subtype of ports in 2.0"
    if theirs.endswith("=embedded-port-rev=unspecified") and ours.endswith("=port-rev"):
        return "reversed ports are a class of their own in 2.0"
    value = int(ipaddress.IPv6Address(address)) & 0xffffffff
    high, low = value >> 16, value & 0xffff
    if 16 < high <= 0xff and theirs.endswith("=embedded-port=unspecified"):
        return "port with up to 0xff above it in 2.0, 16 in 2.2"
    if 16 < low <= 0xff and theirs.endswith("=embedded-port-rev=unspecified"):
        return "reversed port with up to 0xff below it in 2.0, 16 in 2.2"
    if theirs.endswith("embedded-ipv4-32") and ours.endswith("=port-rev") and high > 0xff:
        return "reversed ports above 0xff are IPv4 in 2.0"
    return None


def compare_lines(name, addresses, theirs, ours):
    known = collections.Counter()
    if len(theirs) != len(addresses) or len(ours) != len(addresses):
        fault(f"{name}: {len(theirs)} and {len(ours)} lines of {len(addresses)}")
    for address, a, b in zip(addresses, theirs, ours):
        if a == b:
            continue
        why = known_difference(a, b, address)
        known[why] += 1
        if not why:
            fault(f"{name}: {address}: addr6 {a}, ours {b}")
    return known


# ---- addr6 -s ---------------------------------------------------------------------

UNICAST = {"loopback": "Loopback", "ipv4-mapped": "IPv4-mapped",
           "ipv4-compatible": "IPv4-compat.", "link-local": "Link-local",
           "site-local": "Site-local", "unique-local": "Unique-local", "6to4": "6to4",
           "teredo": "Teredo", "global": "Global"}
MULTICAST = {"permanent": "Permanent", "non-permanent": "Non-permanent",
             "invalid": "Invalid", "unicast-based": "Unicast-based",
             "embedded-rp": "Embedded-RP", "unknown": "Unknown"}
SCOPES = {"reserved": "Reserved", "interface": "Interface", "link": "Link",
          "admin": "Admin", "site": "Site", "organization": "Organization"}
CLASSES = {"ieee-derived": "IEEE-based", "low-byte": "Low-byte",
           "embedded-ipv4-32": "Embed-IPv4", "embedded-ipv4-64": "Embed-IPv4 (64)",
           "embedded-port": "Embed-port", "port-fwd": "Embed-port",
           "embedded-port-rev": "Embed-port (r)", "port-rev": "Embed-port (r)",
           "isatap": "ISATAP", "pattern-bytes": "Byte-pattern", "randomized": "Randomized"}


def statistics_of(lines, version):
    """What -s of a version has to print for what its -d prints, faults included."""
    s = collections.Counter()
    for line in lines:
        kind, sub, scope, iid, detail = line.split("=")
        s["Total IPv6 addresses"] += 1
        s[{"unicast": "Unicast", "multicast": "Multicast"}.get(kind, "Unspec.")] += 1
        if kind == "multicast":
            # 2.0 has no subtype for some and counts them nowhere, or as others.
            s[MULTICAST.get(sub, "")] += 1
            s[SCOPES.get(scope, "")] += 1
        if kind != "unicast":
            continue
        s[UNICAST[sub]] += 1
        # 2.0 leaves these out of the total, and loopback out of the classes, too.
        if version == "2.2" or sub not in ("loopback", "ipv4-mapped", "ipv4-compatible"):
            s["Total IIDs analyzed"] += 1
        if version == "2.2" or sub != "loopback":
            s[CLASSES.get(detail) or CLASSES[iid]] += 1
    if version == "2.0":
        # 2.0 prints a counter that it never counts.
        s["Embed-IPv4"] = 0
    # 2.2 has a class for Teredo that later rules overwrite.
    s["Teredo IID"] = 0
    # Both print the counters of other scopes under these names.
    s["Global scope"] = s["Admin"]
    s["Unassigned"] = s["Site"]
    return s


def printed(text):
    """The counts of -s by their names."""
    out, heading = {}, ""
    for line in text.splitlines():
        if line.startswith(("**", "+")):
            heading = line
        for name, n in re.findall(r"([A-Z6][\w./ -]*(?: \(\w+\))?):?\s+(\d+)(?: \(|$)", line):
            if name == "Global" and "Scopes" in heading:
                name = "Global scope"
            if name == "Teredo" and "Interface" in heading:
                name = "Teredo IID"
            out[name.strip()] = int(n)
    return out


def compare_statistics(name, version, got, lines):
    want = statistics_of(lines, version)
    for key, n in got.items():
        if n != want[key]:
            fault(f"{name}: {version} -s: {key} is {n}, its -d makes {want[key]}")
    if len(got) < (20 if want["Unicast"] else 3):
        fault(f"{name}: {version} -s: only {sorted(got)}")


def main():
    lists = [(f"made-{seed}", made_list(seed, 20000)) for seed in (1, 2)]
    for name, addresses in lists + list(real_lists()):
        text = "\n".join(addresses) + "\n"
        theirs = run(["addr6", "-i", "-d"], text).splitlines()
        ours = run([sextant, "analysis", "decode"], text).splitlines()
        known = compare_lines(name, addresses, theirs, ours)
        compare_statistics(name, "2.0", printed(run(["addr6", "-i", "-s"], text)), theirs)
        ours_s = run([sextant, "analysis", "iid", "--addr6-compat"], text)
        compare_statistics(name, "2.2", printed(ours_s), ours)
        print(f"{name}: {len(addresses)} addresses; -d differs from 2.0 as it should:")
        for why, n in sorted(known.items(), key=lambda x: -x[1]):
            print(f"  {n:6} {why}")
    print(f"{faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
