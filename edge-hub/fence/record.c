#include "edge-hub/fence/record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/hash.h"

#define MAGIC 0x656c6f6866616e63ull
#define HEAD_SPACING 512
#define LISTS_AT 4096
#define TRIES 8 /* a writer may come between the two reads of a reader */

/* As it lies in the file; read and written by programs of one machine. */
struct head {
	uint64_t magic;
	uint32_t version, list;
	uint64_t sequence;
	char boot[RECORD_BOOT_SIZE];
	uint64_t proof_ms, limit_ms, armed, groups_len, groups_sum;
	uint64_t sum; /* of all before it */
};

static uint64_t sum_of(const struct head *head)
{
	return hash64(span_make(head, offsetof(struct head, sum)), RECORD_VERSION);
}

static off_t list_at(unsigned list)
{
	return LISTS_AT + (off_t)list * RECORD_GROUPS_MAX;
}

int record_open(const char *path, int *out_fd)
{
	const char *slash = strrchr(path, '/');
	char dir[256];
	int fd, code = slash ? span_copy(span_make(path, (size_t)(slash - path)), dir, sizeof(dir)) : -EINVAL;

	if (!code)
		code = file_make_dirs(dir, 0700);
	if (code)
		return code;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	*out_fd = fd;
	return 0;
}

/* --- reading --- */

static bool read_place(int fd, unsigned place, struct head *out)
{
	return pread(fd, out, sizeof(*out), place * HEAD_SPACING) == (ssize_t)sizeof(*out) &&
	       out->magic == MAGIC && out->sum == sum_of(out);
}

/* The newest whole one. */
static int read_head(int fd, struct head *out)
{
	struct head heads[2];
	bool good[2];

	for (unsigned i = 0; i < 2; i++)
		good[i] = read_place(fd, i, &heads[i]);
	if (!good[0] && !good[1])
		return lseek(fd, 0, SEEK_END) == 0 ? -ESTALE : -EBADMSG;
	*out = good[1] && (!good[0] || heads[1].sequence > heads[0].sequence) ? heads[1] : heads[0];
	return 0;
}

bool record_is_group(const char *path)
{
	const char *last = strrchr(path, '/');
	const char *pod = !last				  ? NULL
			  : strncmp(last, "/pod", 4) == 0 ? last
							  : strstr(last, "-pod"); /* or a slice's */

	return path[0] == '/' && strlen(path) < RECORD_GROUP_SIZE && !strstr(path, "..") &&
	       strncmp(path, "/kubepods", 9) == 0 && pod && strlen(pod) > 8;
}

static bool is_list(const char *groups, size_t len)
{
	if (len && groups[len - 1])
		return false;
	for (size_t at = 0; at < len; at += strlen(groups + at) + 1)
		if (!record_is_group(groups + at))
			return false;
	return true;
}

/* Straight into the record: whoever keeps the last good one reads into another. */
static int read_groups(int fd, const struct head *head, struct record *out)
{
	if (head->groups_len > RECORD_GROUPS_MAX || head->list > 1 ||
	    pread(fd, out->groups, head->groups_len, list_at(head->list)) != (ssize_t)head->groups_len ||
	    hash64(span_make(out->groups, head->groups_len), head->groups_len) != head->groups_sum ||
	    !is_list(out->groups, head->groups_len))
		return -EBADMSG;
	out->groups_len = head->groups_len;
	return 0;
}

int record_read(int fd, const char *boot, struct record *out)
{
	struct head head;
	int code = -EBADMSG;

	for (int i = 0; i < TRIES && code == -EBADMSG; i++) {
		code = read_head(fd, &head);
		if (!code &&
		    (head.version != RECORD_VERSION || strncmp(head.boot, boot, sizeof(head.boot)) != 0))
			return -ESTALE;
		if (!code)
			code = read_groups(fd, &head, out);
	}
	if (!code)
		out->head = (struct record_head){ .armed = head.armed == 1,
						  .proof_ms = head.proof_ms,
						  .limit_ms = head.limit_ms };
	return code;
}

const char *record_next(const struct record *record, const char *group)
{
	const char *next = group ? group + strlen(group) + 1 : record->groups;

	return next < record->groups + record->groups_len ? next : NULL;
}

/* --- writing --- */

void record_writer_init(struct record_writer *w, int fd, const char *boot)
{
	struct head head;

	*w = (struct record_writer){ .fd = fd };
	if (span_copy(span_of(boot), w->boot, sizeof(w->boot)))
		w->boot[0] = '\0'; /* no boot's name is that long */
	w->groups_sum = hash64(span_make("", 0), 0);
	if (read_head(fd, &head))
		return;
	w->sequence = head.sequence;
	w->list = head.list & 1;
}

static int put(int fd, const void *bytes, size_t len, off_t at)
{
	ssize_t n = pwrite(fd, bytes, len, at);

	return n < 0 ? -errno : (size_t)n == len ? 0 : -ENOSPC;
}

int record_write_groups(struct record_writer *w, struct span groups)
{
	unsigned list = w->list ^ 1;
	int code;

	if (groups.len > RECORD_GROUPS_MAX)
		return -E2BIG;
	if (!is_list(groups.ptr, groups.len))
		return -EINVAL;
	code = put(w->fd, groups.ptr, groups.len, list_at(list));
	if (code)
		return code;
	w->list = list;
	w->groups_len = groups.len;
	w->groups_sum = hash64(groups, groups.len);
	return 0;
}

int record_write_head(struct record_writer *w, const struct record_head *h)
{
	struct head head;

	memset(&head, 0, sizeof(head)); /* the sum is over the padding too */
	head.magic = MAGIC;
	head.version = RECORD_VERSION;
	head.list = w->list;
	head.sequence = ++w->sequence;
	memcpy(head.boot, w->boot, sizeof(head.boot));
	head.proof_ms = h->proof_ms;
	head.limit_ms = h->limit_ms;
	head.armed = h->armed;
	head.groups_len = w->groups_len;
	head.groups_sum = w->groups_sum;
	head.sum = sum_of(&head);
	return put(w->fd, &head, sizeof(head), (off_t)(w->sequence & 1) * HEAD_SPACING);
}
