#include "probe/key_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 64 };

static const char head[] = "sextant-key 1 ";

static int make(struct mac_key *key, const char *path, struct diag *d)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), n, rc = 0;
	char text[TEXT_MAX];

	if (fd < 0)
		return diag_set(d, -errno, "%s: %s", path, strerror(errno));
	mac_key_random(key);
	n = snprintf(text, sizeof(text), "%s", head);
	for (size_t i = 0; i < sizeof(key->k); i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%02x", key->k[i]);
	text[n++] = '\n';
	if (write(fd, text, (size_t)n) != n || fsync(fd) < 0)
		rc = diag_set(d, -EIO, "%s: cannot be written", path);
	close(fd);
	if (rc < 0)
		unlink(path);
	return rc;
}

static bool parse(struct mac_key *key, const char *text)
{
	size_t at = sizeof(head) - 1;

	if (strncmp(text, head, at) != 0 ||
	    strspn(text + at, "0123456789abcdef") != 2 * sizeof(key->k) ||
	    strcmp(text + at + 2 * sizeof(key->k), "\n") != 0)
		return false;
	for (size_t i = 0; i < sizeof(key->k); i++)
		if (sscanf(text + at + 2 * i, "%2hhx", &key->k[i]) != 1)
			return false;
	return true;
}

int key_file_open(struct mac_key *key, const char *path, bool may_make, struct diag *d)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[TEXT_MAX] = "";
	struct stat st;
	ssize_t n;

	if (fd < 0 && errno == ENOENT && may_make)
		return make(key, path, d);
	if (fd < 0)
		return diag_set(d, -errno, "%s: %s", path, strerror(errno));
	n = fstat(fd, &st) < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n < 0)
		return diag_set(d, -EIO, "%s: cannot be read", path);
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return diag_set(d, -EPERM,
		                "%s: others may read this key, and forge answers (chmod "
		                "600)",
		                path);
	return parse(key, text)
	               ? 0
	               : diag_set(d, ERR_FORMAT, "%s: is no key of a scan", path);
}
