#include "edge-hub/fence/kept.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/files.h"

#define BYTES_MAX 256u

/* "VERSION REGION"; nothing is worth more than a wrong one. */
static void take_settled(struct kept *k, struct span value)
{
	struct span number, region;

	(void)span_cut(value, ' ', &number, &region);
	if (!region.len || span_to_u64(number, &k->settled) ||
	    span_copy(region, k->region, sizeof(k->region))) {
		k->settled = 0;
		k->region[0] = '\0';
	}
}

static void take(struct kept *k, struct span text)
{
	struct span line, name, value;
	bool more = text.len > 0;

	while (more) {
		more = span_cut(text, '\n', &line, &text);
		(void)span_cut(line, ' ', &name, &value);
		if (span_is(name, "off"))
			k->is_off = span_is(value, "yes");
		else if (span_is(name, "settled"))
			take_settled(k, value);
	}
}

int kept_open(const char *data_dir, struct kept *out)
{
	char whole[PATH_MAX];
	struct buf text;

	*out = (struct kept){ .is_off = false };
	if (file_absolute(data_dir, whole, sizeof(whole)) ||
	    snprintf(out->path, sizeof(out->path), "%s/" KEPT_FILE, whole) >= (int)sizeof(out->path))
		return -ENAMETOOLONG;
	buf_init(&text, BYTES_MAX);
	if (!file_read(out->path, &text))
		take(out, buf_span(&text));
	buf_done(&text);
	return 0;
}

static int write_next(struct kept *k, const struct kept *next)
{
	struct buf text;
	int code;

	buf_init(&text, BYTES_MAX);
	(void)buf_addf(&text, "off %s\n", next->is_off ? "yes" : "no");
	if (next->settled)
		(void)buf_addf(&text, "settled %llu %s\n", (unsigned long long)next->settled, next->region);
	code = buf_error(&text);
	if (!code)
		code = file_write(k->path, buf_span(&text), 0600);
	buf_done(&text);
	if (!code)
		*k = *next;
	return code;
}

int kept_set_off(struct kept *k, bool is_off)
{
	struct kept next = *k;

	next.is_off = is_off;
	return k->is_off == is_off ? 0 : write_next(k, &next);
}

int kept_set_settled(struct kept *k, const char *region, uint64_t version)
{
	struct kept next = *k;

	if (k->settled == version && strcmp(k->region, region) == 0)
		return 0;
	next.settled = version;
	if (span_copy(span_of(region), next.region, sizeof(next.region)))
		return -ENAMETOOLONG;
	return write_next(k, &next);
}
