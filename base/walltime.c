#include "base/walltime.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/hash.h"

#define FORMAT "holdfast-clock-1"
#define HASH_SEED 0x636c6f636bu
#define YEAR_9999_MS 253402300799000ll
#define FIELDS 6

void walltime_init(struct walltime *w, const char *boot_id)
{
	*w = (struct walltime){ .build_ms = HOLDFAST_BUILD_DATE_S * 1000LL,
				.patience_ms = WALLTIME_PATIENCE_MS };
	w->floor_ms = w->build_ms;
	snprintf(w->boot_id, sizeof(w->boot_id), "%s", boot_id);
}

/* --- kept --- */

static uint64_t hash_of(struct span text)
{
	return hash64(text, HASH_SEED);
}

/* "holdfast-clock-1 FLOOR WORD MONO BOOT HASH": a boot id of "-" means that there was no word. */
int walltime_save(const struct walltime *w, struct buf *out)
{
	size_t start = out->len;
	bool has_word = w->has_word && w->boot_id[0];

	buf_addf(out, FORMAT " %" PRId64 " %" PRId64 " %" PRIu64 " %s ",
		 w->has_word ? w->word_ms : w->floor_ms, has_word ? w->word_ms : 0,
		 has_word ? w->word_mono_ms : 0, has_word ? w->boot_id : "-");
	return buf_error(out) ? buf_error(out)
			      : buf_addf(out, "%016" PRIx64 "\n",
					 hash_of(span_make(out->data + start, out->len - start)));
}

static bool is_time(int64_t ms)
{
	return ms > 0 && ms <= YEAR_9999_MS;
}

int walltime_restore(struct walltime *w, struct span saved)
{
	struct span field[FIELDS], rest = saved;
	char hash[20];
	int64_t floor_ms, word_ms;
	uint64_t mono_ms;

	if (saved.len > WALLTIME_TEXT_MAX || !saved.len || saved.ptr[saved.len - 1] != '\n')
		return -EBADMSG;
	for (size_t i = 0; i < FIELDS; i++)
		(void)span_cut(rest, i + 1 < FIELDS ? ' ' : '\n', &field[i], &rest);
	if (rest.len || !span_is(field[0], FORMAT) || !field[FIELDS - 1].len)
		return -EBADMSG;
	snprintf(hash, sizeof(hash), "%016" PRIx64,
		 hash_of(span_make(saved.ptr, (size_t)(field[FIELDS - 1].ptr - saved.ptr))));
	if (!span_is(field[FIELDS - 1], hash) || span_to_i64(field[1], &floor_ms) ||
	    span_to_i64(field[2], &word_ms) || span_to_u64(field[3], &mono_ms) || !is_time(floor_ms))
		return -EBADMSG;
	w->saved_ms = floor_ms;
	if (floor_ms > w->floor_ms)
		w->floor_ms = floor_ms;
	if (!w->boot_id[0] || !span_is(field[4], w->boot_id) || !is_time(word_ms))
		return 0;
	w->has_word = w->saved_word = w->saved_off = true;
	w->word_ms = word_ms;
	w->word_mono_ms = mono_ms;
	return 0;
}

bool walltime_wants_saving(const struct walltime *w, uint64_t mono_ms, int64_t machine_ms)
{
	int64_t ahead = w->has_word ? w->word_ms - w->saved_ms : 0;

	if (!w->has_word)
		return false;
	if (ahead > WALLTIME_SAVE_MS || ahead < -WALLTIME_TOLERANCE_MS)
		return true;
	/* Restarted in this boot, a hub whose machine is wrong knows the time from the file only. */
	return walltime_state(w, mono_ms, machine_ms) == WALLTIME_SKEWED && !(w->saved_word && w->saved_off);
}

void walltime_saved(struct walltime *w, uint64_t mono_ms, int64_t machine_ms)
{
	w->saved_ms = w->has_word ? w->word_ms : w->floor_ms;
	w->saved_word = w->has_word;
	w->saved_off = walltime_state(w, mono_ms, machine_ms) == WALLTIME_SKEWED;
}

/* --- witnesses --- */

int walltime_vouch(struct walltime *w, int64_t word_ms, uint64_t mono_ms)
{
	if (word_ms + WALLTIME_TOLERANCE_MS < w->build_ms || word_ms > YEAR_9999_MS)
		return -ERANGE;
	w->has_word = true;
	w->word_ms = word_ms;
	w->word_mono_ms = mono_ms;
	w->floor_ms = word_ms > w->build_ms ? word_ms : w->build_ms;
	w->distrusted = w->refused = false;
	return 0;
}

void walltime_contradicted(struct walltime *w, uint64_t mono_ms, int64_t machine_ms)
{
	if (walltime_state(w, mono_ms, machine_ms) == WALLTIME_UNCHECKED) {
		w->distrusted = true;
	} else if (!w->refused) {
		w->refused = true;
		w->refused_mono_ms = mono_ms;
	}
}

void walltime_reinstate(struct walltime *w)
{
	w->distrusted = false;
}

/* --- answers --- */

static int64_t since(uint64_t then_mono_ms, uint64_t mono_ms)
{
	return mono_ms > then_mono_ms ? (int64_t)(mono_ms - then_mono_ms) : 0;
}

static int64_t word_now(const struct walltime *w, uint64_t mono_ms)
{
	return w->word_ms + since(w->word_mono_ms, mono_ms);
}

int64_t walltime_skew_ms(const struct walltime *w, uint64_t mono_ms, int64_t machine_ms)
{
	return w->has_word ? machine_ms - word_now(w, mono_ms) : 0;
}

enum walltime_state walltime_state(const struct walltime *w, uint64_t mono_ms, int64_t machine_ms)
{
	int64_t skew = walltime_skew_ms(w, mono_ms, machine_ms), tolerance = WALLTIME_TOLERANCE_MS;

	if (!w->has_word)
		return w->distrusted || machine_ms + tolerance < w->floor_ms ? WALLTIME_UNSET
									     : WALLTIME_UNCHECKED;
	tolerance += since(w->word_mono_ms, mono_ms) / WALLTIME_DRIFT;
	return skew > tolerance || skew < -tolerance ? WALLTIME_SKEWED : WALLTIME_CHECKED;
}

const char *walltime_state_name(enum walltime_state state)
{
	static const char *const names[] = { [WALLTIME_UNSET] = "unset",
					     [WALLTIME_UNCHECKED] = "unchecked",
					     [WALLTIME_CHECKED] = "checked",
					     [WALLTIME_SKEWED] = "skewed" };

	return names[state];
}

int64_t walltime_now(const struct walltime *w, uint64_t mono_ms, int64_t machine_ms)
{
	switch (walltime_state(w, mono_ms, machine_ms)) {
	case WALLTIME_SKEWED: return word_now(w, mono_ms);
	case WALLTIME_UNCHECKED:
	case WALLTIME_CHECKED: return machine_ms;
	case WALLTIME_UNSET: break;
	}
	return 0;
}

int64_t walltime_guess(const struct walltime *w, uint64_t mono_ms, int64_t machine_ms)
{
	int64_t now = walltime_now(w, mono_ms, machine_ms);

	return now ? now : w->floor_ms + (int64_t)mono_ms;
}

int64_t walltime_expiry_ms(const struct walltime *w, uint64_t mono_ms, int64_t machine_ms)
{
	int64_t now = walltime_now(w, mono_ms, machine_ms);

	if (w->refused && (uint64_t)since(w->refused_mono_ms, mono_ms) >= w->patience_ms)
		return INT64_MIN;
	return now ? now : w->floor_ms;
}

int64_t walltime_moved(const struct walltime_move *move, int64_t stamp_ms)
{
	int64_t moved = stamp_ms && stamp_ms >= move->began_ms ? stamp_ms + move->delta_ms : stamp_ms;

	return moved > move->now_ms ? move->now_ms : moved;
}
