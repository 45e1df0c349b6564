#include "edge-hub/node/timekeeper.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"

#define MODULE "clock"
#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define SAVE_RETRY_MS (10u * 60 * 1000)

struct timekeeper {
	struct walltime w;
	char path[PATH_MAX];
	uint64_t save_after_ms; /* a disk that refuses is not asked at every word */
	enum walltime_state said;
	void (*on_moved)(void *ctx, const struct walltime_move *move);
	void *on_moved_ctx;
};

/* --- asking --- */

int64_t timekeeper_wall_ms(void *keeper)
{
	const struct timekeeper *k = keeper;

	return walltime_now(&k->w, clock_mono_ms(), clock_wall_ms());
}

int64_t timekeeper_stamp_ms(void *keeper)
{
	const struct timekeeper *k = keeper;

	return walltime_guess(&k->w, clock_mono_ms(), clock_wall_ms());
}

int64_t timekeeper_expiry_ms(void *keeper)
{
	const struct timekeeper *k = keeper;

	return walltime_expiry_ms(&k->w, clock_mono_ms(), clock_wall_ms());
}

bool timekeeper_is_told(const struct timekeeper *keeper)
{
	return keeper->w.has_word;
}

const char *timekeeper_boot_id(const struct timekeeper *keeper)
{
	return keeper->w.boot_id;
}

void timekeeper_status(const struct timekeeper *keeper, struct timekeeper_status *out)
{
	const struct walltime *w = &keeper->w;
	uint64_t mono = clock_mono_ms();
	int64_t machine = clock_wall_ms();

	*out = (struct timekeeper_status){
		.state = walltime_state(w, mono, machine),
		.wall_ms = walltime_now(w, mono, machine),
		.skew_ms = walltime_skew_ms(w, mono, machine),
		.floor_ms = w->floor_ms,
		.word_age_ms = !w->has_word		? UINT64_MAX
			       : mono > w->word_mono_ms ? mono - w->word_mono_ms
							: 0,
	};
}

/* --- being told --- */

/* Once for each change: whoever reads the log knows from then on how far its own stamps are off. */
static void say(struct timekeeper *keeper)
{
	struct timekeeper_status s;
	enum walltime_state before = keeper->said;
	char when[CLOCK_TEXT_SIZE];

	timekeeper_status(keeper, &s);
	if (s.state == before)
		return;
	keeper->said = s.state;
	clock_format(s.wall_ms ? s.wall_ms : s.floor_ms, when);
	if (s.state == WALLTIME_UNSET)
		log_warn(MODULE, "unset", "not-before=%s: certificates and stamps wait for the cloud's time",
			 when);
	else if (s.state == WALLTIME_SKEWED)
		log_warn(MODULE, "skewed",
			 "machine-ahead-seconds=%" PRId64 " time=%s: the cloud's time is used",
			 s.skew_ms / 1000, when);
	else if (before != WALLTIME_UNCHECKED)
		log_info(MODULE, walltime_state_name(s.state), "time=%s", when);
}

static void keep(struct timekeeper *keeper)
{
	uint64_t mono = clock_mono_ms();
	int64_t machine = clock_wall_ms();
	struct buf text;
	int code;

	if (mono < keeper->save_after_ms || !walltime_wants_saving(&keeper->w, mono, machine))
		return;
	buf_init(&text, WALLTIME_TEXT_MAX);
	code = walltime_save(&keeper->w, &text);
	if (!code)
		code = file_write(keeper->path, buf_span(&text), 0600);
	buf_done(&text);
	if (!code) {
		walltime_saved(&keeper->w, mono, machine);
		return;
	}
	keeper->save_after_ms = mono + SAVE_RETRY_MS;
	log_warn(MODULE, "not-saved", "path=%s error=\"%s\"", keeper->path, strerror(-code));
}

static void tell(struct timekeeper *keeper, int64_t before_ms, bool was_told)
{
	int64_t now = timekeeper_stamp_ms(keeper), delta = now - before_ms;
	bool moved = delta > WALLTIME_TOLERANCE_MS || delta < -WALLTIME_TOLERANCE_MS;
	const struct walltime_move move = { .began_ms = before_ms - (int64_t)clock_mono_ms(),
					    .delta_ms = moved ? delta : 0,
					    .now_ms = now };

	if (keeper->on_moved && (moved || !was_told))
		keeper->on_moved(keeper->on_moved_ctx, &move);
}

int timekeeper_word(struct timekeeper *keeper, int64_t word_ms, int64_t not_before_ms, int64_t not_after_ms)
{
	int64_t before = timekeeper_stamp_ms(keeper);
	bool was_told = keeper->w.has_word;
	int code = 0;

	if (word_ms > not_after_ms)
		code = -ETIME;
	else if (word_ms < not_before_ms)
		code = -ERANGE; /* its clock was set back since it made the certificate */
	else
		code = walltime_vouch(&keeper->w, word_ms, clock_mono_ms());
	if (code)
		walltime_reinstate(&keeper->w);
	else
		keep(keeper);
	say(keeper);
	if (!code)
		tell(keeper, before, was_told);
	return code;
}

bool timekeeper_contradicted(struct timekeeper *keeper)
{
	int64_t before = timekeeper_expiry_ms(keeper);

	walltime_contradicted(&keeper->w, clock_mono_ms(), clock_wall_ms());
	say(keeper);
	return timekeeper_expiry_ms(keeper) < before;
}

void timekeeper_on_moved(struct timekeeper *keeper, void (*fn)(void *ctx, const struct walltime_move *move),
			 void *ctx)
{
	keeper->on_moved = fn;
	keeper->on_moved_ctx = ctx;
}

/* --- life --- */

static void read_boot_id(char out[WALLTIME_BOOT_SIZE])
{
	struct buf text;

	buf_init(&text, WALLTIME_BOOT_SIZE);
	out[0] = '\0';
	if (file_read(BOOT_ID_FILE, &text) == 0 && text.len && text.data[text.len - 1] == '\n' &&
	    span_copy(span_make(text.data, text.len - 1), out, WALLTIME_BOOT_SIZE))
		out[0] = '\0';
	buf_done(&text);
}

static void recall(struct timekeeper *keeper)
{
	struct buf text;
	int code;

	buf_init(&text, WALLTIME_TEXT_MAX);
	code = file_read(keeper->path, &text);
	if (!code)
		code = walltime_restore(&keeper->w, buf_span(&text));
	if (code && code != -ENOENT)
		log_warn(MODULE, "not-recalled", "path=%s error=\"%s\": the build date is the floor",
			 keeper->path, strerror(-code));
	buf_done(&text);
}

int timekeeper_new(const char *data_dir, uint64_t patience_ms, struct timekeeper **out, struct err *err)
{
	struct timekeeper *keeper = calloc(1, sizeof(*keeper));
	char boot_id[WALLTIME_BOOT_SIZE];
	int len;

	if (!keeper)
		return err_set(err, -ENOMEM, "out of memory");
	len = snprintf(keeper->path, sizeof(keeper->path), "%s/" TIMEKEEPER_FILE, data_dir);
	if (len < 0 || (size_t)len >= sizeof(keeper->path)) {
		free(keeper);
		return err_set(err, -ENAMETOOLONG, "the data directory's name is too long");
	}
	read_boot_id(boot_id);
	walltime_init(&keeper->w, boot_id);
	keeper->w.patience_ms = patience_ms;
	recall(keeper);
	keeper->said = WALLTIME_UNCHECKED; /* nothing to say about a clock that looks right */
	say(keeper);
	*out = keeper;
	return 0;
}

void timekeeper_free(struct timekeeper *keeper)
{
	free(keeper);
}
