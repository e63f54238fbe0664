/* tests/net/udpecho.c - UDP on every address, for simnet.sh: what comes is sent back
 * from the address that it was sent to.
 *
 * udpecho PORT  says "listening" on stdout.  It dies with the shell that started it. */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>

enum { ROOM = 4096, BUFFER = 4 << 20 };

int main(int argc, char *argv[])
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6 };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1, off = 0;
	int room = BUFFER;
	char data[ROOM], control[256];

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (argc != 2)
		return 2;
	sa.sin6_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		perror(argv[1]);
		return 1;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	puts("listening");
	fflush(stdout);
	for (;;) {
		struct iovec iov = { data, sizeof(data) };
		struct msghdr m = { .msg_name = &sa,
			            .msg_namelen = sizeof(sa),
			            .msg_iov = &iov,
			            .msg_iovlen = 1,
			            .msg_control = control,
			            .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(fd, &m, 0);

		if (n < 0)
			continue;
		iov.iov_len = (size_t)n;
		(void)sendmsg(fd, &m, 0); /* with the address in the control data */
	}
}
