/* figures: what a program counts and measures, as Prometheus reads it (text exposition format 0.0.4,
 * prometheus.io/docs/instrumenting/exposition_formats). Names get the prefix "holdfast_". Failures stay in the buffer. Any thread. */
#ifndef HOLDFAST_BASE_FIGURES_H
#define HOLDFAST_BASE_FIGURES_H

#include "base/buf.h"

#define FIGURES_CONTENT_TYPE "text/plain; version=0.0.4"

/* A figure without labels. type: "counter" (its name ends in _total) or "gauge". */
void figures_add(struct buf *out, const char *name, const char *type, const char *help, uint64_t value);
/* A figure with labels: the head once, then its samples. */
void figures_head(struct buf *out, const char *name, const char *type, const char *help);
struct figures_label {
	const char *name, *value; /* the value may be any text */
};
/* Labels end with a NULL name. */
void figures_sample(struct buf *out, const char *name, const struct figures_label *labels, int64_t value);
/* process_resident_memory_bytes of this process, named as everywhere, without prefix. */
void figures_process(struct buf *out);

#endif
