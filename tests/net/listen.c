/* tests/net/listen.c - a TCP listener on every address, for simnet.sh.
 *
 * listen PORT...  says "listening" on stdout and waits for a signal.  It
 * accepts nothing: with SYN cookies the kernel answers by itself.  It dies
 * with the shell that started it. */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int listen_on(const char *text)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6 };
	unsigned long port = strtoul(text, NULL, 10);
	int fd, off = 0, on = 1;

	if (port < 1 || port > 65535)
		return -1;
	sa.sin6_port = htons((uint16_t)port);
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0 ||
	    bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -1;
	return listen(fd, 65535);
}

int main(int argc, char *argv[])
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	for (int i = 1; i < argc; i++) {
		if (listen_on(argv[i]) < 0) {
			perror(argv[i]);
			return 1;
		}
	}
	puts("listening");
	fflush(stdout);
	pause();
	return 0;
}
