/* load: what the load generators share: clocks, percentiles, another process's CPU time, request templates. */
#ifndef HOLDFAST_TESTS_BENCH_LOAD_H
#define HOLDFAST_TESTS_BENCH_LOAD_H

#include "base/options.h"
#include "net/tls.h"

#define LOAD_FILE_MAX (1u << 20)

uint64_t load_now_us(void);
/* CPU time of all threads of a process, of this one for 0; 0 when it is gone. */
uint64_t load_cpu_us(long pid);
uint64_t load_resident_bytes(long pid);

/* Measurements, as many as come. */
struct samples {
	double *values;
	size_t count, room;
};
void samples_add(struct samples *samples, double value);
void samples_done(struct samples *samples);
/* Sorts, and appends {"min":…,"p50":…,"p99":…,"max":…,"n":…} to stdout. */
void samples_print(struct samples *samples);

/* --ca, --cert, --key: PEM files; without --ca: plain, *out NULL. */
int load_tls(const struct options *options, struct tls_context **out, struct err *err) must_check;
/* The text with @NAME@ replaced by 16 characters that are new each time (a label, and valid base64), @N@ by `number`. */
int load_fill(struct span text, uint64_t number, struct buf *out) must_check;
unsigned load_number(const struct options *options,
		     const char *name); /* of an option; a bad one ends the process */

/* Options that every verb takes. */
#define LOAD_TLS_OPTIONS                                                            \
	{ "ca", 0, "FILE", NULL, 0, "authority to trust, PEM; without it no TLS" }, \
		{ "cert", 0, "FILE", NULL, 0, "own certificate, PEM" },             \
		{ "key", 0, "FILE", NULL, 0, "its key, PEM" },                      \
	{                                                                           \
		"server-name", 0, "NAME", "cloud-hub.holdfast", 0,                  \
			"name that the server's certificate must have"              \
	}

#endif
