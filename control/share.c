#include "control/share.h"

#include <errno.h>

int share_decode(const struct json *value, struct share fallback, int64_t most_percent, struct share *out)
{
	struct span text = json_span(value);
	int64_t number;

	*out = fallback;
	if (json_is(value, JSON_INT)) {
		number = json_int(value, 0);
		*out = (struct share){ number < 0 ? 0 : number, false };
		return 0;
	}
	if (!json_is(value, JSON_STRING))
		return 0;
	if (!span_has_suffix(text, SPAN("%")) || span_to_i64(span_make(text.ptr, text.len - 1), &number) ||
	    number < 0 || number > most_percent)
		return -EINVAL;
	*out = (struct share){ number, true };
	return 0;
}

int64_t share_up(struct share share, int64_t total)
{
	return share.percent ? (share.value * total + 99) / 100 : share.value;
}

int64_t share_down(struct share share, int64_t total)
{
	return share.percent ? share.value * total / 100 : share.value;
}
