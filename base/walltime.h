/* walltime: what time it is on a machine whose clock may be unset, wrong or moved at any moment. Pure: told the monotonic time
 * (CLOCK_BOOTTIME, so that it counts from the boot) and what the machine's clock says, it answers which wall time to believe.
 *
 * Three witnesses, best first: the newest word of the cloud, carried on by the monotonic clock; the machine's clock; and a floor
 * below which no time can be true: the build date, and the newest word that was saved. The newest word always wins, also against the
 * floor, so that a cloud which once said nonsense is not believed for longer than it says it. No secrets. One thread. */
#ifndef HOLDFAST_BASE_WALLTIME_H
#define HOLDFAST_BASE_WALLTIME_H

#include "base/buf.h"

#define WALLTIME_TOLERANCE_MS (5 * 60 * 1000) /* a machine's clock as near as this to the word is right */
#define WALLTIME_DRIFT 5000 /* and 1/5000 of the word's age beside: 200 ppm, a bad crystal */
#define WALLTIME_SAVE_MS (24ll * 60 * 60 * 1000) /* the saved floor lags behind by no more than this */
#define WALLTIME_PATIENCE_MS (60u * 60 * 1000)	 /* of refusals for dates alone, then no date counts */
#define WALLTIME_TEXT_MAX 256u			 /* bytes of the saved form */
#define WALLTIME_BOOT_SIZE 64u

enum walltime_state {
	WALLTIME_UNSET, /* the machine's clock is below the floor or was contradicted, and nobody told the time in this boot */
	WALLTIME_UNCHECKED, /* the machine's clock is possible; nobody confirmed it in this boot */
	WALLTIME_CHECKED,   /* the machine's clock agrees with the word */
	WALLTIME_SKEWED,    /* it does not: the word, carried on, is the time */
};

/* A step in what is believed to be the time: what was stamped from began_ms on, in this boot, was off by delta_ms. */
struct walltime_move {
	int64_t began_ms, delta_ms, now_ms;
};
/* The stamp as it should have been: moved when it is of this boot, and in any case not in the future. 0 stays 0. */
int64_t walltime_moved(const struct walltime_move *move, int64_t stamp_ms);

struct walltime {
	char boot_id[WALLTIME_BOOT_SIZE];
	uint64_t patience_ms; /* the owner may set it */
	int64_t build_ms, floor_ms;
	bool has_word; /* in this boot */
	int64_t word_ms;
	uint64_t word_mono_ms;
	bool distrusted; /* the machine's clock: a certificate of our authority speaks against it */
	bool refused;	 /* for dates alone, since refused_mono_ms */
	uint64_t refused_mono_ms;
	int64_t saved_ms;	    /* what is saved: the floor, 0 nothing; */
	bool saved_word, saved_off; /* the word of this boot; that the machine's clock was wrong then */
};

void walltime_init(struct walltime *w, const char *boot_id);
/* Takes over what was saved: always the floor, the word only in the boot it was said in. -EBADMSG: damaged; nothing is taken. */
int walltime_restore(struct walltime *w, struct span saved) must_check;
/* What to keep for walltime_restore, when walltime_wants_saving; tell walltime_saved once it is durable. At most once a day while
 * the machine's clock is right, and once a boot where it is not. */
int walltime_save(const struct walltime *w, struct buf *out) must_check;
bool walltime_wants_saving(const struct walltime *w, uint64_t mono_ms, int64_t machine_ms);
void walltime_saved(struct walltime *w, uint64_t mono_ms, int64_t machine_ms);

/* Authenticated word of the time. -ERANGE: before the build date or past the year 9999: ignored. */
int walltime_vouch(struct walltime *w, int64_t word_ms, uint64_t mono_ms) must_check;
/* A peer that is trusted in everything but its dates was refused for these. Takes trust from an unchecked machine's clock at once;
 * from the word and the floor only after patience_ms, which the next word ends. */
void walltime_contradicted(struct walltime *w, uint64_t mono_ms, int64_t machine_ms);
/* That peer's own word shows its dates to be wrong: the machine's clock was not to blame. */
void walltime_reinstate(struct walltime *w);

/* Wall milliseconds; 0 while unset. */
int64_t walltime_now(const struct walltime *w, uint64_t mono_ms, int64_t machine_ms);
/* The same, but while unset the earliest time it can be (the floor, and the time since the boot): for stamps, which must not say
 * 1970 and not lie in the future. Never 0. */
int64_t walltime_guess(const struct walltime *w, uint64_t mono_ms, int64_t machine_ms);
enum walltime_state walltime_state(const struct walltime *w, uint64_t mono_ms, int64_t machine_ms);
const char *walltime_state_name(enum walltime_state state); /* "unset", ... */
/* The machine's clock minus the word's time; 0 without a word. */
int64_t walltime_skew_ms(const struct walltime *w, uint64_t mono_ms, int64_t machine_ms);
/* Certificates of our own authority that ended before this have expired; INT64_MIN: none has. When they began is not asked: the
 * authority would not have signed them sooner, and a clock that is behind must not lock out who could set it. */
int64_t walltime_expiry_ms(const struct walltime *w, uint64_t mono_ms, int64_t machine_ms);

#endif
