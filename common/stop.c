#include "common/stop.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static atomic_bool stop_flag; /* a signal handler has nowhere else to write */

static void on_signal(int sig)
{
	(void)sig;
	if (atomic_exchange(&stop_flag, true))
		_exit(130);
}

const atomic_bool *stop_on_signals(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	return &stop_flag;
}
