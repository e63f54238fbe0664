#!/usr/bin/env python3
"""Compare sextant analysis with the golden files, field by field.

usage: analysis_golden.py SEXTANT SHARED.  Prints every difference; status 1 if any.
"""
import bz2
import collections
import csv
import io
import ipaddress
import json
import lzma
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import analysis_addr6  # noqa: E402  (beside this file; of the same arguments)

sextant, shared = sys.argv[1:3]
golden = os.path.join(shared, "data", "golden")
lists = os.path.join(shared, "data", "lists")
faults = 0
fields = 0


def equal(what, got, want):
    global faults, fields
    fields += 1
    if got != want:
        faults += 1
        if faults < 20:
            print(f"{what}: {got!r}, expected {want!r}")


def run(*args):
    done = subprocess.run([sextant, "analysis", *args], capture_output=True, text=True)
    if done.returncode or done.stderr:
        raise SystemExit(f"analysis {' '.join(args)}: {done.returncode} {done.stderr}")
    return done.stdout


def json_of(*args):
    return json.loads(run(*args, "--json"))


def network(text):
    return "%08x" % (int(ipaddress.ip_network(text).network_address) >> 96)


def profiles(path):
    """Network in hex -> [addresses, ent9, ... ent32]."""
    text = run("entropy", "--profiles", "--csv", "-t", "profiles", path)
    return {
        network(row[0]): [int(row[2])] + [float(x) for x in row[3:]]
        for row in list(csv.reader(io.StringIO(text)))[1:]
    }


def check_density(name, path, want):
    lengths = [x for p in (32, 48, 64, 96, 112, 116, 120, 124) for x in ("-l", str(p))]
    got = json_of("density", path, *lengths)
    equal(f"{name} unique", got["addresses"], want["unique"])
    rows = {r["length"]: r for r in got["prefixes"]}
    for p, v in want["n_p"].items():
        equal(f"{name} n_{p}", rows[int(p)]["prefixes"], v)
    for k in (1, 4, 16):
        for p, v in want[f"gamma_k{k}"].items():
            equal(f"{name} gamma{k} {p}", rows[int(p)][f"gamma{k}"], v)
    for p, v in want["gamma_k8"].items():
        ratio = rows[int(p) + 8]["prefixes"] / rows[int(p)]["prefixes"]
        equal(f"{name} gamma8 {p}", round(ratio, 4), v)
    for p, v in want["acr4_norm"].items():
        equal(f"{name} acr {p}", rows[int(p)]["acr"], v)
    dense = {f"{r['n']}@/{r['length']}": r for r in got["dense"]}
    for k, v in want["dense"].items():
        equal(f"{name} {k}", (dense[k]["prefixes"], dense[k]["addresses"]),
              (v["prefixes"], v["addrs"]))
    per = {r["per"]: r for r in got["concentration"]}["/64"]
    v = want["per64"]
    equal(f"{name} per /64", (per["groups"], per["max"], per["median"], per["p99"]),
          (v["count"], v["max"], v["median"], v["p99"]))


def check_entropy(name, path, want):
    got = json_of("entropy", path)
    equal(f"{name} nibbles", [r["entropy"] for r in got["nibbles"]], want["nibble_entropy"])
    equal(f"{name} total entropy", got["total_entropy"], want["H_S"])
    got = profiles(path)
    equal(f"{name} networks", sorted(got), sorted(want["profiles_32"]))
    for k, v in want["profiles_32"].items():
        equal(f"{name} profile {k}", got.get(k), v)


def check_runs(name, path, want):
    for k in (32, 256):
        got = json_of("runs", path, "-k", str(k))
        v = want[f"kip_k{k}"]
        equal(f"{name} kIP({k})", (got["kip_prefixes"], got["kip_uncovered"]),
              (v["prefixes"], v["uncovered"]))
        equal(f"{name} kIP({k}) lengths",
              {str(r["length"]): r["prefixes"] for r in got["kip_lengths"]}, v["len_hist"])
        v = want["runs"]
        equal(f"{name} runs",
              (got["runs"], got["runs_of_2_or_more"], got["longest_run"],
               got["addresses_in_runs_of_2_or_more"]),
              (v["count"], v["ge2"], v["max"], v["addrs_in_runs_ge2"]))


def check_segments(path):
    """The output of Entropy/IP's first step: entropies, ratios, segments."""
    got = json_of("entropy", path)
    segments = [(r["type"], r["start"], r["end"], r["entropy"]) for r in got["segments"]]
    want = []
    for line in open(os.path.join(golden, "tum10k.entropy-ip-a1.txt")):
        f = line.split()
        if line.startswith("# segment"):
            kind = int(f[2][1:])
            want.append((max(kind, 0), int(f[3]), int(f[4]), float(f[5])))
        elif not line.startswith("#"):
            row = got["nibbles"][int(f[0]) - 1]
            equal(f"entropy-ip {f[0]} entropy", round(row["entropy"], 3), float(f[3]))
            equal(f"entropy-ip {f[0]} ACR", round(row["acr"], 3), float(f[4]))
    equal("entropy-ip segments", segments, want)


def check_profiles_file(name, path):
    got = profiles(path)
    rows = list(csv.reader(open(os.path.join(golden, name))))[1:]
    equal(f"{name} networks", sorted(got), sorted(r[0] for r in rows))
    for r in rows:
        equal(f"{name} {r[0]}", got.get(r[0]), [int(r[1])] + [float(x) for x in r[2:]])


def check_iid(name, path, want):
    got = json_of("iid", path)
    names = {"ieee-derived": "ieee-derived", "isatap": "isatap",
             "embedded-port": "embedded-port/port-fwd",
             "embedded-port-reversed": "embedded-port/port-rev",
             "embedded-ipv4": "embedded-ipv4/embedded-ipv4-32",
             "embedded-ipv4-64": "embedded-ipv4/embedded-ipv4-64",
             "low-byte": "low-byte", "byte-pattern": "pattern-bytes",
             "randomized": "randomized"}
    for row in got["addr6_classes"]:
        equal(f"{name} {row['class']}", row["addresses"],
              want["iid"].get(names[row["class"]], 0))
    equal(f"{name} weights", [r["addresses"] for r in got["weights"]],
          want["iid_hamming_weight_hist"])
    equal(f"{name} kinds", sum(r["addresses"] for r in got["kinds"]), want["unique"])


def without_oui(line):
    return re.sub("=ieee-derived=.*", "=ieee-derived", line)


def areas(text):
    tags = re.findall(r"<rect [^>]*data-prefix[^>]*>", text)
    rows = [dict(re.findall(r'([\w-]+)="([^"]*)"', tag)) for tag in tags]
    return {row["data-prefix"]: row for row in rows}


def check_treemap(tmp, path):
    """zesplot's rectangles: where they are, how large, and their counts."""
    svg = os.path.join(tmp, "map.svg")
    bgp = os.path.join(shared, "data", "pfx", "bgp_v6_prefix2as_2018.txt")
    run("treemap", path, "--bgp", bgp, "--svg", svg)
    got = areas(open(svg).read())
    want = areas(open(os.path.join(golden, "zesplot_tum10k_bgp2018.svg")).read())
    equal("treemap areas", sorted(got), sorted(want))
    for prefix, row in want.items():
        mine = got.get(prefix, {})
        for key in ("data-asn", "data-hits", "data-self-hits"):
            equal(f"treemap {prefix} {key}", mine.get(key), row[key])
        for key in ("x", "y", "width", "height", "stroke-width"):
            near = abs(float(mine.get(key, "nan")) - float(row[key])) < 1e-5
            equal(f"treemap {prefix} {key} {mine.get(key)} {row[key]}", near, True)
        hue = [re.match(r"hsl\(([0-9.]+)", r.get("fill", "hsl(999")).group(1)
               for r in (mine, row)]
        near = abs(float(hue[0]) - float(hue[1])) < 1e-3
        equal(f"treemap {prefix} hue {hue}", near, True)


def check_addr6(tmp):
    """Statistics to the byte, and how often each decoded line comes."""
    services = ports()
    for name, ref in (("tum_responsive_first10000", "tum10k"),
                      ("CuiTianyu961030+6VecLM",) * 2,
                      ("PBH-BTN+BTN-Collected-Rules",) * 2,
                      ("sixiangdeweicao+Aliased_prefixs_TBT",) * 2):
        path = unpacked(tmp, name)
        want = open(os.path.join(golden, ref + ".addr6_v2.2_stats.txt")).read()
        equal(f"{ref} addr6 -s", run("iid", "--addr6-compat", path), want)
        counts = os.path.join(golden, ref + ".addr6_v2.2_decode_counts.txt")
        if os.path.exists(counts):
            got = collections.Counter(map(without_oui, run("decode", path).splitlines()))
            want = {f[1]: int(f[0]) for f in (row.split() for row in open(counts))}
            equal(f"{ref} addr6 -d", dict(got), want)
        check_addr6_2_0(ref, path, services)


def ports():
    """The words that decode takes for ports behind a small one."""
    words = [f"2001:db8::1:{w:x}" for w in range(1 << 16)]
    done = subprocess.run([sextant, "analysis", "decode"], input="\n".join(words),
                          capture_output=True, text=True, check=True)
    return {w for w, line in enumerate(done.stdout.splitlines()) if "port-fwd" in line}


def line_of_2_0(line, address, services):
    """What -d of addr6 2.0 says where decode, as 2.2 does, says line."""
    line = line.replace("=teredo=", "=global=")
    high, low = address >> 16 & 0xffff, address & 0xffff
    head = line.rsplit("=", 2)[0]
    # Of addresses whose identifier has 32 zeros in front: 2.0 allows up to 0xff beside
    # a port, 2.2 up to 16; and takes reversed ports above 0xff for IPv4.
    if address >> 32 & 0xffffffff == 0 and line.startswith("unicast"):
        if 16 < high <= 0xff and low in services:
            return head + "=embedded-port=unspecified"
        if 16 < low <= 0xff and high <= 0xff and high in services:
            return head + "=embedded-port-rev=unspecified"
        if line.endswith("=port-rev") and high > 0xff and low:
            return head + "=embedded-ipv4=embedded-ipv4-32"
    return line


def check_addr6_2_0(ref, path, services):
    """The statistics of 2.0, number by number, from the lines that decode prints."""
    old = [os.path.join(golden, ref + end)
           for end in (".addr6_v2.0_stats.txt", ".addr6_stats.txt")]
    old = [name for name in old if os.path.exists(name)]
    if not old:
        print(f"{ref}: no statistics of addr6 2.0, not compared")
        return
    text = open(old[0]).read()
    addresses = [int(ipaddress.IPv6Address(row)) for row in open(path).read().split()]
    lines = run("decode", path).splitlines()
    equal(f"{ref} lines", len(lines), len(addresses))
    want = analysis_addr6.statistics_of(
        [line_of_2_0(line, a, services) for line, a in zip(lines, addresses)], "2.0")
    got = analysis_addr6.printed(text)
    for key, n in got.items():
        equal(f"{ref} addr6 2.0 {key}", want[key], n)
    equal(f"{ref} addr6 2.0 numbers", len(got), 23)


def unpacked(tmp, name):
    """A list of ../shared as a plain file: Python's name for it, and its path."""
    for ext, op in ((".txt", open), (".txt.bz2", bz2.open), (".txt.xz", lzma.open)):
        path = os.path.join(lists, name + ext)
        if os.path.exists(path):
            out = os.path.join(tmp, name + ".txt")
            with op(path, "rb") as f, open(out, "wb") as g:
                g.write(f.read())
            return out
    raise SystemExit(f"no list {name}")


def main():
    with tempfile.TemporaryDirectory() as tmp:
        tum = unpacked(tmp, "tum_responsive_first10000")
        vec = unpacked(tmp, "CuiTianyu961030+6VecLM")
        tiny = os.path.join(golden, "tiny4.txt")
        for path, ref in ((tum, "tum_responsive_first10000"),
                          (vec, "CuiTianyu961030+6VecLM"), (tiny, "tiny4")):
            want = json.load(open(os.path.join(golden, ref + ".ref.json")))
            check_density(ref, path, want)
            check_entropy(ref, path, want)
            check_runs(ref, path, want)
            check_iid(ref, path, want)
        check_segments(tum)
        check_profiles_file("tum10k.profiles_go.csv", tum)
        check_profiles_file("6VecLM.profiles_go.csv", vec)
        check_treemap(tmp, tum)
        check_addr6(tmp)
    print(f"{fields} fields compared, {faults} differ")
    return 1 if faults or fields < 500 else 0


sys.exit(main())
