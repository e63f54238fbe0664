#include "probe/checkpoint.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/checksum.h"
#include "common/writer.h"

enum { TEXT_MAX = 512, VERSION = 1 };

#define BODY                      \
	"sextant-checkpoint %u\n" \
	"config %" PRIx64 "\n"    \
	"seed %" PRIu64 "\n"      \
	"done %" PRIu64 "\n"      \
	"state %s\n"
#define CHECK "check %016" PRIx64 "\n"

static int format(char *text, size_t cap, const struct checkpoint *c)
{
	return snprintf(text, cap, BODY, VERSION, c->config, c->seed, c->done,
	                c->complete ? "complete" : "running");
}

int checkpoint_parse(struct checkpoint *c, const char *text, const char *path,
                     struct diag *d)
{
	char again[TEXT_MAX], state[12] = "";
	struct checkpoint x = { 0 };
	unsigned version = 0;
	int n;

	if (sscanf(text, "sextant-checkpoint %u", &version) != 1)
		return diag_set(d, ERR_FORMAT, "%s: is not a checkpoint", path);
	if (version != VERSION)
		return diag_set(d, ERR_VERSION, "%s: checkpoint of version %u", path,
		                version);
	if (sscanf(text,
	           "sextant-checkpoint %*u config %" SCNx64 " seed %" SCNu64
	           " done %" SCNu64 " state %11s",
	           &x.config, &x.seed, &x.done, state) != 4)
		return diag_set(d, ERR_FORMAT, "%s: is not a checkpoint", path);
	x.complete = !strcmp(state, "complete");
	/* Whatever would not be written like this has changed. */
	n = format(again, sizeof(again), &x);
	snprintf(again + n, sizeof(again) - (size_t)n, CHECK,
	         checksum64(again, (size_t)n, 0));
	if (strcmp(again, text) != 0)
		return diag_set(d, ERR_CHECKSUM, "%s: %s", path, err_str(ERR_CHECKSUM));
	*c = x;
	return 1;
}

int checkpoint_read(struct checkpoint *c, const char *path, struct diag *d)
{
	char text[TEXT_MAX];
	FILE *f = fopen(path, "r");
	size_t n;
	int rc = 0;

	if (!f && errno == ENOENT)
		return 0;
	if (!f)
		return diag_set(d, -errno, "%s: %s", path, strerror(errno));
	n = fread(text, 1, sizeof(text) - 1, f);
	if (ferror(f))
		rc = diag_set(d, -EIO, "%s: cannot be read", path);
	fclose(f);
	text[n] = '\0';
	return rc < 0 ? rc : checkpoint_parse(c, text, path, d);
}

int checkpoint_write(const struct checkpoint *c, const char *path, struct diag *d)
{
	char text[TEXT_MAX];
	int n = format(text, sizeof(text), c), rc;
	struct writer *w;

	rc = writer_open(&w, path, d);
	if (rc < 0)
		return rc;
	writer_write(w, text, (size_t)n);
	writer_printf(w, CHECK, checksum64(text, (size_t)n, 0));
	rc = writer_commit(w, d);
	writer_close(w);
	return rc;
}

/* The file that is locked must still be the one of that name: who had it before us may
 * have removed it in between. */
static int lock_once(int *out, const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666), rc = 0;
	struct stat mine, there;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
	else if (fstat(fd, &mine) < 0 || stat(name, &there) < 0 ||
	         mine.st_ino != there.st_ino || mine.st_dev != there.st_dev)
		rc = -EAGAIN;
	if (rc < 0)
		close(fd);
	else
		*out = fd;
	return rc;
}

int checkpoint_lock(int *fd, const char *path, struct diag *d)
{
	char *name;
	int rc;

	if (asprintf(&name, "%s.lock", path) < 0)
		return -ENOMEM;
	do
		rc = lock_once(fd, name);
	while (rc == -EAGAIN);
	if (rc == -EBUSY)
		diag_set(d, rc, "%s: another run has it", path);
	else if (rc < 0)
		diag_set(d, rc, "%s: %s", name, strerror(-rc));
	free(name);
	return rc;
}

void checkpoint_unlock(int fd, const char *path)
{
	char *name;

	if (fd < 0)
		return;
	if (asprintf(&name, "%s.lock", path) >= 0) {
		unlink(name);
		free(name);
	}
	close(fd);
}
