/* What a kernel says beside the data of a message (probe/sockets.h): the first byte
 * is the length of the address, then come address and control messages.  The kernel
 * is no attacker; that nothing is read out of bounds has to hold all the same. */
#include <stdlib.h>
#include <string.h>

#include "probe/sockets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockets_note n;
	struct msghdr m = { 0 };
	size_t name, control;

	if (size < 1)
		return 0;
	name = data[0] % 64 < size ? data[0] % 64 : size - 1;
	control = size - 1 - name;
	/* Exact-size copies, aligned as the macros want them. */
	m.msg_name = malloc(name + !name);
	m.msg_control = malloc(control + !control);
	if (!m.msg_name || !m.msg_control)
		abort();
	memcpy(m.msg_name, data + 1, name);
	memcpy(m.msg_control, data + 1 + name, control);
	m.msg_namelen = (socklen_t)name;
	m.msg_controllen = control;
	sockets_read_note(&n, &m);
	free(m.msg_name);
	free(m.msg_control);
	return 0;
}
