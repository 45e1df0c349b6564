/* log_file: lines appended to a file that is rotated by size, behind a bounded queue and a thread, so that a slow or full disk
 * costs lines and never the caller.
 *
 * A line is written within a second, and before log_file_free returns. What cannot be kept is counted. One owner; log_file_add
 * and log_file_stats from its thread. */
#ifndef HOLDFAST_CLOUD_HUB_AUDIT_LOG_FILE_H
#define HOLDFAST_CLOUD_HUB_AUDIT_LOG_FILE_H

#include "base/buf.h"

struct log_file;

#define LOG_FILE_QUEUE_MAX (1024u * 1024) /* bytes waiting for the disk */
#define LOG_FILE_FLUSH_MS 500u
#define LOG_FILE_FILES_MAX 100u

struct log_file_options {
	const char
		*path; /* "DIR/audit.log"; older ones are "DIR/audit.log.1" (the newest of them) and so on */
	uint64_t size_bytes; /* a file about to grow past it is rotated */
	unsigned files;	     /* in all, 1..LOG_FILE_FILES_MAX */
};
/* The directory is made (0700) if need be; files are mode 0600. A line left torn by a power cut is ended. */
int log_file_open(const struct log_file_options *options, struct log_file **out, struct err *err) must_check;
/* Writes what waits, ends the thread. NULL is fine. */
void log_file_free(struct log_file *file);

/* One line; its end is added. Never blocks, never fails: what finds no room is counted as lost. */
void log_file_add(struct log_file *file, struct span line);

struct log_file_stats {
	uint64_t lines; /* written */
	uint64_t lost;	/* for want of room in the queue or on the disk */
	int trouble;	/* negative errno of the last write, 0 when it went well */
};
void log_file_stats(struct log_file *file, struct log_file_stats *out);

#endif
