/* XDP live frames (Documentation/bpf/bpf_prog_run.rst): the kernel runs an XDP program
 * on frames of its own and sends those for which it returns XDP_TX, past sockets,
 * queueing and the allocation of a buffer for each.  Frames are made in memory that is
 * shared with the program, as for any other link; the program copies the next one into
 * the frame that it is run on.
 *
 * The program is a table of instructions, so that neither a compiler for them nor a
 * library is needed, and a copy of the usual length is written out, which takes a third
 * of the time of the kernel's helper.
 *
 * Every run enters the program in the kernel's dispatcher and takes it out again, which
 * waits for a grace period of RCU, some 20 ms, both times.  Unless somebody else has it
 * there: so the program is also attached, for good, to the loopback interface of a
 * network namespace that nobody uses.  Then a run takes some 15 us and 0.14 us a frame. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "probe/link.h"
#include "probe/netlink.h"

enum {
	SLOTS = 4096,
	STRIDE = 1408,  /* an odd number of cache lines, so that slots do not collide */
	RUN_BATCH = 32, /* frames that the kernel has under way at once */
	COPY_MAX = 256, /* the longest copy that is written out */
	CODE_MAX = 48 + COPY_MAX / 8 * 2 + 6,
	FRAME_MIN = 14, /* no packet of ours is as short */
	LOOPBACK = 1,   /* its number in every namespace */
};

#define STUCK_NS (5 * NS_PER_S)

_Static_assert((int)PACKET_MAX <= (int)STRIDE, "a frame fits its slot");

/* The only element of an array map, which the program and we see. */
struct shared {
	uint32_t next; /* frame, counted up by the program */
	uint32_t bad;  /* frames that it could not copy */
	uint8_t pad[56];
	uint16_t len[SLOTS];
	uint8_t frame[SLOTS][STRIDE];
};

struct link_live {
	struct link link;
	uint32_t ifindex;
	int map, prog;
	int keep_net, keep_link; /* see above */
	struct shared *shared;
	uint32_t produced; /* what next will be when all of them are sent */
	uint32_t bad;      /* of shared->bad, counted as errors so far */
	uint32_t usual;    /* length of most frames */
};

static int sys_bpf(int cmd, union bpf_attr *attr)
{
	int rc = (int)syscall(__NR_bpf, cmd, attr, sizeof(*attr));

	return rc < 0 ? -errno : rc;
}

/* --- the program ------------------------------------------------------------- */

struct code {
	struct bpf_insn insn[CODE_MAX];
	unsigned n;
};

static void put(struct code *c, uint8_t op, uint8_t dst, uint8_t src, int16_t off,
                int32_t imm)
{
	c->insn[c->n++] = (struct bpf_insn){ op, dst, src, off, imm };
}

#define MOV(d, s)          put(c, BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define MOVI(d, i)         put(c, BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ALU(op, d, s)      put(c, BPF_ALU64 | (op) | BPF_X, d, s, 0, 0)
#define ALUI(op, d, i)     put(c, BPF_ALU64 | (op) | BPF_K, d, 0, 0, i)
#define LOAD(sz, d, s, o)  put(c, BPF_LDX | BPF_MEM | (sz), d, s, (int16_t)(o), 0)
#define STORE(sz, d, o, s) put(c, BPF_STX | BPF_MEM | (sz), d, s, (int16_t)(o), 0)
#define JUMPI(op, d, i)    (put(c, BPF_JMP | (op) | BPF_K, d, 0, 0, i), c->n - 1)
#define JUMP(op, d, s)     (put(c, BPF_JMP | (op) | BPF_X, d, s, 0, 0), c->n - 1)
#define CALL(f)            put(c, BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define EXIT(v)            (MOVI(0, v), put(c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0))

enum { R0, R1, R2, R3, R4, R6 = 6, R7, R8, R9 };

/* The jump at that place leads to here. */
static void land(struct code *c, unsigned jump)
{
	c->insn[jump].off = (int16_t)(c->n - jump - 1);
}

/* n bytes from R8 to R3, both of which are long enough. */
static void write_copy(struct code *c, unsigned n)
{
	static const struct {
		unsigned bytes;
		uint8_t size;
	} steps[] = { { 8, BPF_DW }, { 4, BPF_W }, { 2, BPF_H }, { 1, BPF_B } };
	unsigned at = 0;

	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		for (; n - at >= steps[i].bytes; at += steps[i].bytes) {
			LOAD(steps[i].size, R1, R8, at);
			STORE(steps[i].size, R3, at, R1);
		}
}

/* R6: the context; R7: what is shared; R8: the frame's slot, then its bytes; R9: its
 * length.  The order of operations is what lets the verifier see that all is within
 * bounds. */
static void write_program(struct code *c, int map, unsigned usual)
{
	unsigned bad[5], n_bad = 0, same, other;

	MOV(R6, R1);
	put(c, BPF_LD | BPF_DW | BPF_IMM, R7, BPF_PSEUDO_MAP_VALUE, 0, map);
	put(c, 0, 0, 0, 0, 0);
	LOAD(BPF_W, R8, R7, offsetof(struct shared, next));
	MOV(R1, R8);
	ALUI(BPF_ADD, R1, 1);
	STORE(BPF_W, R7, offsetof(struct shared, next), R1);
	ALUI(BPF_AND, R8, SLOTS - 1);
	MOV(R1, R8);
	ALUI(BPF_LSH, R1, 1);
	ALU(BPF_ADD, R1, R7);
	LOAD(BPF_H, R9, R1, offsetof(struct shared, len));
	bad[n_bad++] = JUMPI(BPF_JEQ, R9, 0);
	bad[n_bad++] = JUMPI(BPF_JGT, R9, PACKET_MAX);
	ALUI(BPF_MUL, R8, STRIDE);
	ALU(BPF_ADD, R8, R7);
	ALUI(BPF_ADD, R8, offsetof(struct shared, frame));
	LOAD(BPF_W, R3, R6, offsetof(struct xdp_md, data));
	LOAD(BPF_W, R2, R6, offsetof(struct xdp_md, data_end));

	/* Of the usual length: a copy that is written out. */
	other = JUMPI(BPF_JNE, R9, (int32_t)usual);
	MOV(R1, R3);
	ALUI(BPF_ADD, R1, (int32_t)usual);
	bad[n_bad++] = JUMP(BPF_JGT, R1, R2);
	write_copy(c, usual);
	EXIT(XDP_TX);

	/* Of another one: make the frame as long, then have it copied. */
	land(c, other);
	ALU(BPF_SUB, R2, R3);
	MOV(R1, R9);
	ALU(BPF_SUB, R1, R2);
	same = JUMPI(BPF_JEQ, R1, 0);
	MOV(R2, R1);
	MOV(R1, R6);
	CALL(BPF_FUNC_xdp_adjust_tail);
	bad[n_bad++] = JUMPI(BPF_JNE, R0, 0);
	land(c, same);
	MOV(R1, R6);
	MOVI(R2, 0);
	MOV(R3, R8);
	MOV(R4, R9);
	CALL(BPF_FUNC_xdp_store_bytes);
	bad[n_bad++] = JUMPI(BPF_JNE, R0, 0);
	EXIT(XDP_TX);

	for (unsigned i = 0; i < n_bad; i++)
		land(c, bad[i]);
	LOAD(BPF_W, R1, R7, offsetof(struct shared, bad));
	ALUI(BPF_ADD, R1, 1);
	STORE(BPF_W, R7, offsetof(struct shared, bad), R1);
	EXIT(XDP_DROP);
}

static int load_program(struct link_live *x, struct diag *d)
{
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_XDP };
	struct code code = { .n = 0 };
	char text[1024] = "";
	int rc;

	write_program(&code, x->map, x->usual <= COPY_MAX ? x->usual : FRAME_MIN);
	attr.insns = (uintptr_t)code.insn;
	attr.insn_cnt = code.n;
	attr.license = (uintptr_t) "Apache-2.0";
	memcpy(attr.prog_name, "sextant_send", sizeof("sextant_send"));
	rc = sys_bpf(BPF_PROG_LOAD, &attr);
	if (rc >= 0) {
		x->prog = rc;
		return 0;
	}
	attr.log_level = 1;
	attr.log_size = sizeof(text);
	attr.log_buf = (uintptr_t)text;
	(void)sys_bpf(BPF_PROG_LOAD, &attr);
	log_debug("verifier: %s", text);
	return diag_set(d, rc, "cannot load the XDP program: %s%s", strerror(-rc),
	                rc == -EPERM ? " (it takes CAP_BPF and CAP_NET_ADMIN of the "
	                               "machine: root)"
	                             : "");
}

/* --- keeping it in the dispatcher ----------------------------------------------- */

/* On a thread of its own, which alone is in the new namespace; what keeps that is the
 * descriptor.  Nothing depends on it but speed. */
static void *keep(void *arg)
{
	struct link_live *x = arg;
	union bpf_attr attr = { 0 };
	int rc;

	if (unshare(CLONE_NEWNET) < 0)
		return NULL;
	x->keep_net = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	attr.link_create.prog_fd = (uint32_t)x->prog;
	attr.link_create.target_ifindex = LOOPBACK;
	attr.link_create.attach_type = BPF_XDP;
	attr.link_create.flags = XDP_FLAGS_SKB_MODE;
	rc = x->keep_net < 0 ? -errno : sys_bpf(BPF_LINK_CREATE, &attr);
	x->keep_link = rc < 0 ? -1 : rc;
	return NULL;
}

static void keep_in_dispatcher(struct link_live *x)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, keep, x) == 0)
		pthread_join(thread, NULL);
	if (x->keep_link < 0)
		log_warn("xdp-live: no network namespace for the program (it takes "
		         "CAP_SYS_ADMIN): every %d packets wait some 40 ms",
		         SLOTS);
}

/* --- the link ------------------------------------------------------------------- */

static uint8_t *reserve(struct link *l)
{
	struct link_live *x = (struct link_live *)l;

	return l->filled < SLOTS ? x->shared->frame[(x->produced + l->filled) % SLOTS]
	                         : NULL;
}

static void commit(struct link *l, size_t len)
{
	struct link_live *x = (struct link_live *)l;

	x->shared->len[(x->produced + l->filled++) % SLOTS] = (uint16_t)len;
}

static bool is_full(int rc)
{
	return rc == -ENOMEM || rc == -ENOBUFS || rc == -EAGAIN || rc == -EBUSY;
}

static void count(struct link_live *x, uint32_t n)
{
	uint32_t bad = __atomic_load_n(&x->shared->bad, __ATOMIC_RELAXED) - x->bad;

	x->bad += bad;
	atomic_fetch_add_explicit(&x->link.errors, bad, memory_order_relaxed);
	atomic_fetch_add_explicit(&x->link.sent, n - bad, memory_order_relaxed);
}

static int submit(struct link *l, struct diag *d)
{
	static const uint8_t frame[PACKET_MAX]; /* overwritten by the program */
	struct link_live *x = (struct link_live *)l;
	struct xdp_md context = { .data_end = x->usual, .ingress_ifindex = x->ifindex };
	uint64_t since = clock_mono_ns();

	x->produced += l->filled;
	l->filled = 0;
	for (;;) {
		uint32_t from = __atomic_load_n(&x->shared->next, __ATOMIC_ACQUIRE);
		union bpf_attr attr = { 0 };
		int rc;

		if (from == x->produced)
			return 0;
		attr.test.prog_fd = (uint32_t)x->prog;
		attr.test.data_in = (uintptr_t)frame;
		attr.test.data_size_in = x->usual;
		attr.test.ctx_in = (uintptr_t)&context;
		attr.test.ctx_size_in = sizeof(context);
		attr.test.repeat = x->produced - from;
		attr.test.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
		attr.test.batch_size = RUN_BATCH;
		rc = sys_bpf(BPF_PROG_TEST_RUN, &attr);
		count(x, __atomic_load_n(&x->shared->next, __ATOMIC_ACQUIRE) - from);
		if (rc < 0 && rc != -EINTR &&
		    (!is_full(rc) || clock_mono_ns() - since > STUCK_NS))
			return diag_set(d, rc, "sending failed: %s", strerror(-rc));
	}
}

static int tune(struct link *l, size_t usual, struct diag *d)
{
	struct link_live *x = (struct link_live *)l;
	int rc;

	x->usual = (uint32_t)usual;
	rc = load_program(x, d);
	if (rc == 0)
		keep_in_dispatcher(x);
	return rc;
}

static void close_live(struct link *l)
{
	struct link_live *x = (struct link_live *)l;

	if (x->keep_link >= 0)
		close(x->keep_link);
	if (x->keep_net >= 0)
		close(x->keep_net);
	if (x->prog >= 0)
		close(x->prog);
	if (x->shared)
		munmap(x->shared, sizeof(*x->shared));
	if (x->map >= 0)
		close(x->map);
	free(x);
}

static const struct link_ops live_ops = {
	.name = "xdp-live",
	.reserve = reserve,
	.commit = commit,
	.submit = submit,
	.tune = tune,
	.close = close_live,
};

static int make_map(struct link_live *x, struct diag *d)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY };
	void *p;
	int rc;

	attr.key_size = sizeof(uint32_t);
	attr.value_size = sizeof(struct shared);
	attr.max_entries = 1;
	attr.map_flags = BPF_F_MMAPABLE;
	rc = sys_bpf(BPF_MAP_CREATE, &attr);
	if (rc < 0)
		return diag_set(d, rc, "cannot make a BPF map: %s%s", strerror(-rc),
		                rc == -EPERM ? " (it takes CAP_BPF of the machine: root)"
		                             : "");
	x->map = rc;
	p = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, x->map,
	         0);
	if (p == MAP_FAILED)
		return diag_set(d, -errno, "cannot map a BPF map: %s", strerror(errno));
	x->shared = p;
	return 0;
}

/* A frame that the driver does not take is gone, and nobody is told. */
static int check_driver(int ifindex, struct diag *d)
{
	uint64_t features;

	if (netlink_xdp_features(&features, ifindex) < 0 ||
	    features & NETLINK_XDP_TRANSMIT)
		return 0;
	return diag_set(d, -EOPNOTSUPP,
	                "the driver of interface %d sends no XDP frames (on veth it does "
	                "where the other end has generic receive offload or an XDP "
	                "program)",
	                ifindex);
}

int link_live_open(struct link **out, int ifindex, struct diag *d)
{
	struct link_live *x = calloc(1, sizeof(*x));
	int rc;

	if (!x)
		return -ENOMEM;
	x->link.ops = &live_ops;
	x->link.batch = SLOTS;
	x->link.ethernet = true;
	x->ifindex = (uint32_t)ifindex;
	x->map = x->prog = x->keep_net = x->keep_link = -1;
	rc = check_driver(ifindex, d);
	if (rc == 0)
		rc = make_map(x, d);
	if (rc < 0) {
		close_live(&x->link);
		return rc;
	}
	*out = &x->link;
	return 0;
}
