/* audit: the record of who did what: audit.k8s.io/v1 Events as JSON lines in a file that is bounded and rotated.
 *
 * Recorded is metadata, never a body. What is heard: every request to the API (its outcome hook), and what the daemon notes
 * besides: joins, refusals, effects that came through tunnels. The policy (level) picks. Loop thread; a thread of its own writes. */
#ifndef HOLDFAST_CLOUD_HUB_AUDIT_AUDIT_H
#define HOLDFAST_CLOUD_HUB_AUDIT_AUDIT_H

#include "api/server.h"
#include "cloud-hub/audit/log_file.h"

struct audit;

enum audit_level {
	AUDIT_NONE,
	AUDIT_WRITES, /* writes, refusals, reads of Secrets */
	AUDIT_ALL,    /* reads too, and what nodes report of themselves */
};
/* "none", "writes", "all". -EINVAL. */
int audit_level_parse(const char *text, enum audit_level *out) must_check;

#define AUDIT_REFUSED_PER_S 20u /* lines about refusals of one user; those without credentials are one */

struct audit_options {
	enum audit_level level;
	struct log_file_options file;
	uint64_t (*mono_ms)(void *ctx);
	int64_t (*wall_ms)(void *ctx);
	void *clock_ctx;
};
int audit_new(const struct audit_options *options, struct audit **out, struct err *err) must_check;
void audit_free(struct audit *audit); /* everything noted is written first */

/* Fits api_hooks.outcome, with the audit as ctx. */
void audit_outcome(void *ctx, const struct api_outcome *outcome);

/* Something that was no request to the API. Strings may be NULL; all are borrowed. */
struct audit_note {
	const char *verb;     /* "join", "refuse", "quarantine", "delete"... */
	const char *user;     /* who; NULL: nobody known */
	const char *node;     /* the node concerned, or through whose tunnel it came */
	const char *source;   /* address */
	const char *resource; /* "nodes", "pods" */
	const char *ns, *name;
	int code;	      /* as of HTTP: 200 done, 403 refused */
	const char *reason;   /* a sentence */
	const char *evidence; /* what it rests on, for programs: EVENT_EVIDENCE_MAX bytes at most */
};
/* NULL is fine: nothing is noted. At every level but none. */
void audit_note(struct audit *audit, const struct audit_note *note);

struct audit_stats {
	struct log_file_stats file;
	uint64_t suppressed; /* lines about refusals beyond the rate */
};
void audit_stats(struct audit *audit, struct audit_stats *out);

#endif
