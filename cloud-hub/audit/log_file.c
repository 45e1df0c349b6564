#include "cloud-hub/audit/log_file.h"

#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct log_file {
	char path[PATH_MAX];
	uint64_t size_max;
	unsigned files;
	pthread_t thread;
	/* Under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct buf waiting;
	bool ending;
	struct log_file_stats stats;
	/* The thread's own. */
	struct buf writing;
	int fd;
	uint64_t size;
};

/* --- the file; from the thread, and before it starts --- */

static int end_torn_line(struct log_file *file)
{
	char last = '\n';

	if (!file->size || pread(file->fd, &last, 1, (off_t)file->size - 1) != 1 || last == '\n')
		return 0;
	if (write(file->fd, "\n", 1) != 1)
		return -errno;
	file->size++;
	return 0;
}

static int open_file(struct log_file *file)
{
	struct stat st;
	int code;

	file->fd = open(file->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file->fd < 0)
		return -errno;
	code = fstat(file->fd, &st) ? -errno : 0;
	if (!code) {
		file->size = (uint64_t)st.st_size;
		code = end_torn_line(file);
	}
	if (code) {
		close(file->fd);
		file->fd = -1;
	}
	return code;
}

static int numbered(const struct log_file *file, unsigned number, char out[PATH_MAX + 8])
{
	int len = number ? snprintf(out, PATH_MAX + 8, "%s.%u", file->path, number)
			 : snprintf(out, PATH_MAX + 8, "%s", file->path);

	return len < 0 || len >= PATH_MAX + 8 ? -ENAMETOOLONG : 0;
}

/* The oldest goes, the others move up by one, a new one begins. */
static int rotate(struct log_file *file)
{
	char from[PATH_MAX + 8], to[PATH_MAX + 8];
	int code = 0;

	close(file->fd);
	file->fd = -1;
	if (file->files == 1 && unlink(file->path) && errno != ENOENT)
		code = -errno;
	for (unsigned i = file->files - 1; !code && i > 0; i--) {
		code = numbered(file, i - 1, from);
		if (!code)
			code = numbered(file, i, to);
		if (!code && rename(from, to) && errno != ENOENT)
			code = -errno;
	}
	return code ? code : open_file(file);
}

/* Somebody may have moved it away or emptied it, as log rotation on a host does. */
static bool is_still_there(struct log_file *file)
{
	struct stat by_path, by_fd;

	if (stat(file->path, &by_path) || fstat(file->fd, &by_fd) || by_path.st_ino != by_fd.st_ino ||
	    by_path.st_dev != by_fd.st_dev)
		return false;
	file->size = (uint64_t)by_fd.st_size;
	return true;
}

static int make_room(struct log_file *file, size_t len)
{
	int code = 0;

	if (file->fd >= 0 && !is_still_there(file)) {
		close(file->fd);
		file->fd = -1;
	}
	if (file->fd < 0)
		code = open_file(file);
	if (!code && file->size && file->size + len > file->size_max)
		code = rotate(file);
	return code;
}

static size_t whole_lines(struct span text)
{
	const char *end = text.len ? memrchr(text.ptr, '\n', text.len) : NULL;

	return end ? (size_t)(end - text.ptr) + 1 : 0;
}

/* Whole lines: what a full disk took of the last one is cut off again. */
static int append(struct log_file *file, struct span lines, size_t *out_kept)
{
	size_t done = 0;
	int code = make_room(file, lines.len);

	while (!code && done < lines.len) {
		ssize_t n = write(file->fd, lines.ptr + done, lines.len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			code = n == 0 ? -EIO : -errno;
	}
	*out_kept = whole_lines(span_make(lines.ptr, done));
	file->size += *out_kept;
	if (done > *out_kept && ftruncate(file->fd, (off_t)file->size)) {
		close(file->fd); /* it is opened again, and the torn line ended */
		file->fd = -1;
	}
	return code;
}

/* As many whole lines at a time as still fit the file. */
static struct span next_piece(const struct log_file *file, struct span rest)
{
	uint64_t room = file->size < file->size_max ? file->size_max - file->size : 0;
	size_t len = 0;

	while (len < rest.len) {
		const char *end = memchr(rest.ptr + len, '\n', rest.len - len);
		size_t next = end ? (size_t)(end - rest.ptr) + 1 : rest.len;

		if (len && next > room)
			break;
		len = next;
	}
	return span_make(rest.ptr, len);
}

static uint64_t lines_in(struct span text)
{
	uint64_t count = 0;

	for (size_t i = 0; i < text.len; i++)
		count += text.ptr[i] == '\n';
	return count;
}

static void write_out(struct log_file *file)
{
	struct span rest = buf_span(&file->writing);
	uint64_t lines = 0, lost = 0;
	int code = 0;

	while (rest.len) {
		struct span piece = next_piece(file, rest);
		size_t kept;

		code = append(file, piece, &kept);
		lines += lines_in(span_make(rest.ptr, kept));
		rest = span_make(rest.ptr + kept, rest.len - kept);
		if (code) {
			lost += lines_in(rest);
			break;
		}
	}
	buf_reset(&file->writing);
	pthread_mutex_lock(&file->lock);
	file->stats.lines += lines;
	file->stats.lost += lost;
	file->stats.trouble = code;
	pthread_mutex_unlock(&file->lock);
}

/* --- the thread --- */

/* Waits for something to write, then a little longer, so that a storm costs few writes. With the lock. */
static void wait_for_lines(struct log_file *file)
{
	struct timespec until;

	while (!file->waiting.len && !file->ending)
		pthread_cond_wait(&file->wake, &file->lock);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)LOG_FILE_FLUSH_MS * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (!file->ending && file->waiting.len < LOG_FILE_QUEUE_MAX / 2)
		if (pthread_cond_timedwait(&file->wake, &file->lock, &until))
			break;
}

static void *run(void *ctx)
{
	struct log_file *file = ctx;
	bool more = true;

	while (more) {
		struct buf swap;

		pthread_mutex_lock(&file->lock);
		wait_for_lines(file);
		swap = file->writing;
		file->writing = file->waiting;
		file->waiting = swap;
		more = !file->ending;
		pthread_mutex_unlock(&file->lock);
		write_out(file);
	}
	return NULL;
}

void log_file_add(struct log_file *file, struct span line)
{
	pthread_mutex_lock(&file->lock);
	if (line.len + 1 > LOG_FILE_QUEUE_MAX - file->waiting.len ||
	    buf_reserve(&file->waiting, line.len + 1)) {
		file->stats.lost++;
		file->waiting.error = 0; /* the others are whole */
	} else {
		(void)buf_add_span(&file->waiting, line);
		(void)buf_add_char(&file->waiting, '\n');
	}
	if (file->waiting.len == line.len + 1 || file->waiting.len >= LOG_FILE_QUEUE_MAX / 2)
		pthread_cond_signal(&file->wake);
	pthread_mutex_unlock(&file->lock);
}

void log_file_stats(struct log_file *file, struct log_file_stats *out)
{
	pthread_mutex_lock(&file->lock);
	*out = file->stats;
	pthread_mutex_unlock(&file->lock);
}

/* --- life --- */

static int make_dir(const char *path)
{
	char dir[PATH_MAX];
	char *slash;

	if (span_copy(span_of(path), dir, sizeof(dir)))
		return -ENAMETOOLONG;
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return 0;
	*slash = '\0';
	return file_make_dirs(dir, 0700);
}

static int init_lock(struct log_file *file)
{
	pthread_condattr_t attr;
	int code = pthread_mutex_init(&file->lock, NULL);

	if (code)
		return -code;
	if (pthread_condattr_init(&attr) == 0) {
		(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
		code = pthread_cond_init(&file->wake, &attr);
		pthread_condattr_destroy(&attr);
	} else {
		code = ENOMEM;
	}
	if (code)
		pthread_mutex_destroy(&file->lock);
	return -code;
}

static void free_file(struct log_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	buf_done(&file->waiting);
	buf_done(&file->writing);
	pthread_cond_destroy(&file->wake);
	pthread_mutex_destroy(&file->lock);
	free(file);
}

int log_file_open(const struct log_file_options *options, struct log_file **out, struct err *err)
{
	struct log_file *file = calloc(1, sizeof(*file));
	int code = file ? init_lock(file) : -ENOMEM;

	if (code) {
		free(file);
		return err_set(err, code, "out of memory");
	}
	file->fd = -1;
	file->size_max = options->size_bytes;
	file->files = options->files < 1 ? 1 : options->files;
	buf_init(&file->waiting, LOG_FILE_QUEUE_MAX);
	buf_init(&file->writing, LOG_FILE_QUEUE_MAX);
	code = span_copy(span_of(options->path), file->path, sizeof(file->path));
	if (!code)
		code = make_dir(file->path);
	if (!code)
		code = open_file(file);
	/* A disk that is full now may have room later. */
	if (!code || code == -ENOSPC)
		code = -pthread_create(&file->thread, NULL, run, file);
	if (code) {
		free_file(file);
		return err_set(err, code, "%s: %s", options->path, strerror(-code));
	}
	*out = file;
	return 0;
}

void log_file_free(struct log_file *file)
{
	if (!file)
		return;
	pthread_mutex_lock(&file->lock);
	file->ending = true;
	pthread_cond_signal(&file->wake);
	pthread_mutex_unlock(&file->lock);
	(void)pthread_join(file->thread, NULL);
	free_file(file);
}
