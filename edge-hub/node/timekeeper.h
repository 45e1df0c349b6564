/* timekeeper: this node's wall time: binds base/walltime to the machine's clocks and to a small file beside the identity. What the
 * cloud says comes in by the link; whoever stamps or compares wall time asks here and not the machine. Loop thread.
 *
 * Waiting and counting (back-off, probes, deadlines) is the monotonic clock's business and never this one's. */
#ifndef HOLDFAST_EDGE_HUB_NODE_TIMEKEEPER_H
#define HOLDFAST_EDGE_HUB_NODE_TIMEKEEPER_H

#include "base/walltime.h"

struct timekeeper;

#define TIMEKEEPER_FILE \
	"clock" /* in the data directory, mode 0600; may be removed: then the build date is the floor */

/* A file that is missing or damaged costs what it knew. patience_ms: how long certificates of the cloud may look expired before this
 * node doubts what it knows of the time rather than them. -ENAMETOOLONG, -ENOMEM. */
int timekeeper_new(const char *data_dir, uint64_t patience_ms, struct timekeeper **out,
		   struct err *err) must_check;
void timekeeper_free(struct timekeeper *keeper);

/* These take a struct timekeeper as ctx, for options of the form `int64_t (*wall_ms)(void *ctx)`. */
int64_t timekeeper_wall_ms(void *keeper);   /* 0 while unset */
int64_t timekeeper_stamp_ms(void *keeper);  /* never 0: see walltime_guess */
int64_t timekeeper_expiry_ms(void *keeper); /* see walltime_expiry_ms: struct tls_clock */

/* The authenticated cloud says what time it is, over a connection whose certificate is good between these. 0; -ETIME: it has
 * expired by its own word: not a peer to go on with; -ERANGE: no time that could be, ignored. */
int timekeeper_word(struct timekeeper *keeper, int64_t word_ms, int64_t not_before_ms,
		    int64_t not_after_ms) must_check;
/* A connection ended with -ETIME: see walltime_contradicted. True: another attempt may end better. */
bool timekeeper_contradicted(struct timekeeper *keeper);

/* Called when a word changed what time it is by more than the tolerance, or confirmed it for the first time in this boot (then
 * with a delta of 0). */
void timekeeper_on_moved(struct timekeeper *keeper, void (*fn)(void *ctx, const struct walltime_move *move),
			 void *ctx);

struct timekeeper_status {
	enum walltime_state state;
	int64_t wall_ms; /* 0 unset */
	int64_t skew_ms; /* the machine's clock minus wall_ms, where the cloud told the time */
	int64_t floor_ms;
	uint64_t word_age_ms; /* since the cloud last told it; UINT64_MAX: not in this boot */
};
void timekeeper_status(const struct timekeeper *keeper, struct timekeeper_status *out);
/* The cloud told the time in this boot: it may end what only wall time can end. */
bool timekeeper_is_told(const struct timekeeper *keeper);
const char *timekeeper_boot_id(const struct timekeeper *keeper);

#endif
