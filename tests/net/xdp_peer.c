/* xdp_peer drop|pass IFACE: attach an XDP program that drops or passes every frame, for
 * as long as this runs and the shell that started it.  With either, a veth interface takes frames from an XDP program
 * at its other end.  Prints a line once it is attached. */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int sys_bpf(int cmd, union bpf_attr *attr)
{
	return (int)syscall(__NR_bpf, cmd, attr, sizeof(*attr));
}

int main(int argc, char *argv[])
{
	struct bpf_insn code[] = {
		{ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_PASS },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};
	union bpf_attr load = { .prog_type = BPF_PROG_TYPE_XDP }, link = { 0 };
	int prog;

	if (argc != 3)
		return 2;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (!strcmp(argv[1], "drop"))
		code[0].imm = XDP_DROP;
	load.insns = (uintptr_t)code;
	load.insn_cnt = 2;
	load.license = (uintptr_t) "Apache-2.0";
	prog = sys_bpf(BPF_PROG_LOAD, &load);
	if (prog < 0)
		goto fail;
	link.link_create.prog_fd = (uint32_t)prog;
	link.link_create.target_ifindex = if_nametoindex(argv[2]);
	link.link_create.attach_type = BPF_XDP;
	link.link_create.flags = XDP_FLAGS_DRV_MODE;
	if (sys_bpf(BPF_LINK_CREATE, &link) < 0)
		goto fail;
	puts("attached");
	fflush(stdout);
	for (;;)
		pause();
fail:
	fprintf(stderr, "xdp_peer: %s\n", strerror(errno));
	return 77;
}
