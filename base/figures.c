#include "base/figures.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/files.h"

#define PREFIX "holdfast_"
#define STATM_MAX 256u

static void add_head(struct buf *out, const char *prefix, const char *name, const char *type,
		     const char *help)
{
	buf_addf(out, "# HELP %s%s %s\n# TYPE %s%s %s\n", prefix, name, help, prefix, name, type);
}

void figures_head(struct buf *out, const char *name, const char *type, const char *help)
{
	add_head(out, PREFIX, name, type, help);
}

void figures_add(struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
	figures_head(out, name, type, help);
	buf_addf(out, PREFIX "%s %" PRIu64 "\n", name, value);
}

static void add_escaped(struct buf *out, const char *value)
{
	for (; *value; value++)
		switch (*value) {
		case '\\': buf_add_str(out, "\\\\"); break;
		case '"': buf_add_str(out, "\\\""); break;
		case '\n': buf_add_str(out, "\\n"); break;
		default: buf_add_char(out, *value);
		}
}

void figures_sample(struct buf *out, const char *name, const struct figures_label *labels, int64_t value)
{
	buf_addf(out, PREFIX "%s", name);
	for (const struct figures_label *label = labels; label->name; label++) {
		buf_addf(out, "%s%s=\"", label == labels ? "{" : ",", label->name);
		add_escaped(out, label->value);
		buf_add_char(out, '"');
	}
	buf_addf(out, "%s %" PRId64 "\n", labels->name ? "}" : "", value);
}

/* Pages of memory in use: the second number of statm (proc(5)); 0 when it cannot be read. */
static uint64_t resident_pages(void)
{
	struct span field, rest;
	uint64_t pages = 0;
	struct buf text;

	buf_init(&text, STATM_MAX);
	if (file_read("/proc/self/statm", &text) == 0) {
		(void)span_cut(buf_span(&text), ' ', &field, &rest);
		(void)span_cut(rest, ' ', &field, &rest);
		if (span_to_u64(field, &pages))
			pages = 0;
	}
	buf_done(&text);
	return pages;
}

void figures_process(struct buf *out)
{
	long page = sysconf(_SC_PAGESIZE);

	add_head(out, "", "process_resident_memory_bytes", "gauge", "Resident memory of this process.");
	buf_addf(out, "process_resident_memory_bytes %" PRIu64 "\n",
		 resident_pages() * (uint64_t)(page > 0 ? page : 4096));
}
