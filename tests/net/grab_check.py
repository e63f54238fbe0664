#!/usr/bin/env python3
"""grab_check.py WORLD CERTS OUT [ABORTED]: the results in OUT against the truth of tlsworld
and against what openssl(1) prints of the same certificates; those in ABORTED, of
handshakes that were ended early, against OUT.  CERTS is what --cert-dir left."""
import base64, concurrent.futures, datetime, hashlib, json, os, re, subprocess, sys

world, certs, out = sys.argv[1:4]
aborted = sys.argv[4:]
bad = 0


def fail(*words):
    global bad
    bad += 1
    if bad < 20:
        print(*words)


def utc(text):
    t = datetime.datetime.strptime(text, "%b %d %H:%M:%S %Y GMT")
    return t.strftime("%Y-%m-%dT%H:%M:%SZ")


def run(*args, stdin=None):
    return subprocess.run(["openssl", *args], input=stdin, capture_output=True,
                          check=True).stdout


def names_of(text):
    """The alternative names of openssl's text, as ours has them."""
    m = re.search(r"X509v3 Subject Alternative Name:[^\n]*\n([^\n]*)", text)
    found = []
    for part in m.group(1).strip().split(", ") if m else []:
        kind, value = part.split(":", 1)
        if kind == "IP Address":
            if ":" in value:
                value = socket_form(value)
            kind = "IP"
        found.append(kind + ":" + value)
    return found


def sha256(pem):
    body = b"".join(l for l in pem.split(b"\n") if not l.startswith(b"-----"))
    return hashlib.sha256(base64.b64decode(body)).hexdigest()


def socket_form(value):
    import ipaddress
    return str(ipaddress.ip_address(":".join(p.rjust(4, "0") for p in value.split(":"))))


def read_cert(pem):
    text = run("x509", "-noout", "-subject", "-issuer", "-serial", "-dates", "-fingerprint",
               "-sha256", "-text", "-nameopt", "RFC2253,-esc_msb,utf8",
               stdin=pem).decode("utf-8")
    line = {}
    # The first lines are name=value, whatever order openssl has.
    for l in text.split("\n"):
        m = re.match(r"(subject|issuer|serial|notBefore|notAfter|sha256 Fingerprint)=\s*(.*)$", l)
        if m:
            line.setdefault(m.group(1), m.group(2))
    key = re.search(r"Public Key Algorithm: (\S+)", text).group(1)
    bits = re.search(r"Public-Key: \((\d+) bit\)", text)
    curve = re.search(r"ASN1 OID: (\S+)", text)
    want = {
        "cert_subject": line["subject"],
        "cert_issuer": line["issuer"],
        "cert_serial": line["serial"],
        "cert_not_before": utc(line["notBefore"]),
        "cert_not_after": utc(line["notAfter"]),
        "cert_sha256": line["sha256 Fingerprint"].replace(":", "").lower(),
        "cert_sig_alg": re.search(r"Signature Algorithm: (\S+)", text).group(1),
        "cert_key_type": {"rsaEncryption": "rsa", "id-ecPublicKey": "ec",
                          "ED25519": "ed25519"}[key],
        "cert_key_bits": int(bits.group(1)) if bits else 256 if key == "ED25519" else None,
        "cert_curve": curve.group(1) if curve else None,
    }
    want["text"] = text
    return want


def verdict(path, kind):
    """What openssl verify says with the root, and the rest of the chain at hand."""
    r = subprocess.run(["openssl", "verify", "-CAfile", world + "/root.pem", "-untrusted", path,
                        path], capture_output=True, text=True)
    m = re.search(r"error \d+ at \d+ depth lookup: (.*)", r.stderr + r.stdout)
    return m.group(1) if m else "ok"


def check(line, row):
    i, addr, port, kind, status = line.split()
    if row is None:
        return [(i, kind, "no result")]
    problems = []
    # Who closes without having read resets the connection, perhaps.
    if row["status"] != status and (status, row["status"]) != ("closed", "reset"):
        problems.append((i, kind, "status", row["status"], "expected", status))
    if status != "ok" or row["status"] != "ok":
        return problems
    path = "%s/%s.pem" % (world, i)
    pems = re.findall(rb"-----BEGIN.*?-----END CERTIFICATE-----\n", open(path, "rb").read(), re.S)
    want = read_cert(pems[0])
    text = want.pop("text")
    for k, v in want.items():
        if row.get(k) != v:
            problems.append((i, kind, k, row.get(k), "expected", v))
    got = row.get("cert_san", [])
    if kind == "strange-names":
        # openssl(1) prints no names at all where one has a NUL.
        san = ["DNS:h0.s%s.example.org" % i, "DNS:good.example\0.evil", "IP:192.0.2.7",
               "IP:2001:db8::7"]
    else:
        san = names_of(text)
    if got != san:
        problems.append((i, kind, "names", got, "expected", san))
    chain = [sha256(p) for p in pems]
    if [c["sha256"] for c in row["chain"]] != chain or row["chain_length"] != len(chain):
        problems.append((i, kind, "chain", row["chain"], "expected", chain))
    flags = {"cert_expired": kind == "expired",
             "cert_self_signed": "self" in kind or kind == "strange-names",
             "chain_ordered": kind != "unordered"}
    for k, v in flags.items():
        if row[k] != v:
            problems.append((i, kind, k, row[k], "expected", v))
    if row["verify"] != verdict(path, kind):
        problems.append((i, kind, "verify", row["verify"], "expected", verdict(path, kind)))
    if kind == "tls12-only" and row.get("tls_version") != "TLSv1.2" and "handshake" in row:
        problems.append((i, kind, "version", row.get("tls_version")))
    return problems


def load(path):
    with open(path, encoding="utf-8", errors="strict") as f:
        return {row["target"]: row for row in map(json.loads, f)}


rows = load(out)
truth = [line for line in open(world + "/truth")]
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    for problems in pool.map(lambda l: check(l, rows.get(l.split()[1])), truth):
        for p in problems:
            fail(*p)
if len(rows) != len(truth):
    fail(len(rows), "results of", len(truth), "servers")
kept = {f[:-4]: open(os.path.join(certs, f), "rb").read() for f in os.listdir(certs)}
for name, pem in kept.items():
    if sha256(pem) != name:
        fail(name, "is not the SHA-256 of what is in it")
shown = {c["sha256"] for row in rows.values() for c in row.get("chain", [])}
if shown != set(kept):
    fail("--cert-dir has", len(kept), "certificates, not the", len(shown), "that were shown")
for path in aborted:
    others = load(path)
    if len(others) < len(rows) - sum(" silent silent" in l for l in truth):
        fail("only", len(others), "results after early aborts")
    for addr, row in rows.items():
        if addr not in others:
            continue
        for k, v in row.items():
            if (k.startswith("cert_") or k in ("chain", "verify", "status")) and \
                    others.get(addr, {}).get(k) != v:
                fail(addr, k, "differs after an early abort")
print(len(truth), "servers,", sum(" ok" in l for l in truth), "certificates compared,", bad,
      "differences")
sys.exit(bad > 0)
