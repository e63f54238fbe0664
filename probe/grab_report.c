/* What people and other programs are told about a run: results one by one, a line
 * of status, a summary. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "common/clock.h"
#include "common/log.h"
#include "probe/cmd_grab.h"
#include "probe/grab_text.h"
#include "probe/tls_cert.h"

/* --- results ----------------------------------------------------------------- */

static bool is_file(const char *path)
{
	bool stdout_ = !strcmp(path, "-");
	struct stat st;

	if ((stdout_ ? fstat(STDOUT_FILENO, &st) : stat(path, &st)) < 0)
		return !stdout_;
	return S_ISREG(st.st_mode);
}

int grab_out_open(struct grab_out *out, const char *path, bool header, bool append,
                  struct diag *d)
{
	uint64_t size = 0;
	int rc;

	pthread_mutex_init(&out->lock, NULL);
	out->flush = !is_file(path);
	rc = append ? writer_append(&out->w, path, &size, d)
	            : writer_open(&out->w, path, d);
	if (rc < 0)
		return rc;
	if (out->csv && header && size == 0)
		grab_write_csv_header(out->w, &out->fields);
	rc = writer_flush(out->w);
	return rc < 0 ? diag_set(d, rc, "%s: %s", path, err_str(rc)) : 0;
}

int grab_out_flush(struct grab_out *out)
{
	int rc;

	pthread_mutex_lock(&out->lock);
	rc = writer_flush(out->w);
	pthread_mutex_unlock(&out->lock);
	return rc;
}

void grab_out_close(struct grab_out *out)
{
	if (out->w)
		pthread_mutex_destroy(&out->lock);
	writer_close(out->w);
	out->w = NULL;
}

void grab_out_result(void *ctx, const struct grab_result *r)
{
	struct grab_out *out = ctx;
	int rc;

	if (atomic_load_explicit(&out->failed, memory_order_relaxed))
		return;
	pthread_mutex_lock(&out->lock);
	rc = grab_write(out->w, &out->fields, out->csv, r);
	if (rc >= 0 && out->flush)
		rc = writer_flush(out->w);
	pthread_mutex_unlock(&out->lock);
	if (rc >= 0 && out->cert_dir && r->tls && r->info.chain)
		rc = grab_save_certificates(out->cert_dir, r, &out->why);
	if (rc < 0) {
		diag_set(&out->why, rc, "results cannot be written: %s", err_str(rc));
		atomic_store(&out->failed, true);
	}
}

/* --- certificates as files --------------------------------------------------- */

static int write_pem(const char *path, X509 *x, struct diag *d)
{
	char tmp[4096 + 16];
	FILE *f;
	int ok;

	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	f = fopen(tmp, "wbe");
	if (!f)
		return diag_set(d, -errno, "%s: %s", tmp, strerror(errno));
	ok = PEM_write_X509(f, x);
	if (fclose(f) != 0)
		ok = 0;
	if (ok && rename(tmp, path) == 0)
		return 0;
	unlink(tmp);
	return diag_set(d, -EIO, "%s: cannot be written", path);
}

int grab_save_certificates(const char *dir, const struct grab_result *r, struct diag *d)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t sha[CERT_SHA256];
	char path[4096], hex[2 * CERT_SHA256 + 1];
	struct stat st;
	int rc = 0;

	for (int i = 0; rc == 0 && i < sk_X509_num(r->info.chain); i++) {
		X509 *x = sk_X509_value(r->info.chain, i);
		unsigned n = sizeof(sha);

		if (!X509_digest(x, EVP_sha256(), sha, &n))
			continue;
		for (unsigned k = 0; k < CERT_SHA256; k++) {
			hex[2 * k] = digits[sha[k] >> 4];
			hex[2 * k + 1] = digits[sha[k] & 15];
		}
		hex[2 * CERT_SHA256] = '\0';
		if (snprintf(path, sizeof(path), "%s/%s.pem", dir, hex) >=
		    (int)sizeof(path))
			return diag_set(d, -ENAMETOOLONG, "%.200s: too long a name", dir);
		if (stat(path, &st) < 0)
			rc = write_pem(path, x, d);
	}
	return rc;
}

/* --- status and summary ------------------------------------------------------ */

void grab_status_line(char *buf, size_t cap, const struct grab_stats *now,
                      const struct grab_stats *before)
{
	snprintf(buf, cap,
	         "grab: %" PRIu64 " targets, %" PRIu64 " connections (%" PRIu64
	         "/s), %" PRIu64 " open now, %" PRIu64 " waiting; %" PRIu64
	         " answered, %" PRIu64 " certificates; %" PRIu64 " failed",
	         now->targets, now->connections, now->connections - before->connections,
	         now->active, now->waiting, now->status[GRAB_OK], now->certificates,
	         now->results - now->status[GRAB_OK]);
}

void grab_tell_summary(const struct grab_stats *s)
{
	log_info("grabbed %" PRIu64 " ports: %" PRIu64 " answered, %" PRIu64
	         " with certificates; %" PRIu64 " refused, %" PRIu64
	         " timed out, %" PRIu64 " said nothing, %" PRIu64 " failed otherwise",
	         s->results, s->status[GRAB_OK], s->certificates, s->status[GRAB_REFUSED],
	         s->status[GRAB_TIMEOUT],
	         s->status[GRAB_SILENT] + s->status[GRAB_CLOSED] + s->status[GRAB_RESET],
	         s->status[GRAB_UNREACHABLE] + s->status[GRAB_NOT_TLS] +
	                 s->status[GRAB_TLS_ALERT] + s->status[GRAB_TLS_ERROR] +
	                 s->status[GRAB_TOO_LARGE] + s->status[GRAB_LOCAL]);
	if (s->refused_scope)
		log_info("%" PRIu64 " ports were not connected to: special-purpose "
		         "addresses, or on a blocklist",
		         s->refused_scope);
	if (s->status[GRAB_LOCAL])
		log_warn("%" PRIu64 " connections failed here, for want of descriptors, "
		         "ports or memory",
		         s->status[GRAB_LOCAL]);
	if (s->unfinished)
		log_info("%" PRIu64 " ports were given up at the stop", s->unfinished);
}

void grab_write_counts(struct writer *w, const char *prefix, const struct grab_stats *s)
{
	const struct {
		const char *name;
		uint64_t value;
	} counts[] = {
		{ "targets", s->targets },         { "refused_scope", s->refused_scope },
		{ "connections", s->connections }, { "results", s->results },
		{ "handshakes", s->handshakes },   { "certificates", s->certificates },
		{ "unfinished", s->unfinished },
	};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		writer_printf(w, ",\n  \"%s%s\": %" PRIu64, prefix, counts[i].name,
		              counts[i].value);
	for (unsigned i = 0; i < GRAB_STATUSES; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%s", grab_status_str((enum grab_status)i));
		for (char *p = name; *p; p++)
			*p = *p == '-' ? '_' : *p;
		writer_printf(w, ",\n  \"%sstatus_%s\": %" PRIu64, prefix, name,
		              s->status[i]);
	}
}
