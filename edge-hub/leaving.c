#include "edge-hub/leaving.h"

#include "base/files.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTE_MAX 8192u
#define OPEN_DIRS 32 /* of a walk, at once */

static int path_of(const char *data_dir, const char *name, char out[PATH_MAX], struct err *err)
{
	int len = snprintf(out, PATH_MAX, "%s/%s", data_dir, name);

	return len < 0 || len >= PATH_MAX
		       ? err_set(err, -ENAMETOOLONG, "the data directory's name is too long")
		       : 0;
}

bool leaving_is(const char *data_dir)
{
	char path[PATH_MAX];

	return !path_of(data_dir, LEAVING_FILE, path, NULL) && access(path, F_OK) == 0;
}

static int decode(const struct json *tree, struct leaving *out)
{
	out->told = json_path_bool(tree, "told", false);
	out->stopped = json_path_bool(tree, "stopped", false);
	if (span_copy(span_of(json_path_str(tree, "node", "")), out->node, sizeof(out->node)))
		return -EBADMSG;
	return span_copy(span_of(json_path_str(tree, "runtime", "")), out->runtime, sizeof(out->runtime))
		       ? -EBADMSG
		       : 0;
}

int leaving_read(const char *data_dir, struct leaving *out, struct err *err)
{
	char path[PATH_MAX];
	struct json *tree = NULL;
	struct buf text;
	int code = path_of(data_dir, LEAVING_FILE, path, err);

	*out = (struct leaving){ .told = false };
	if (code)
		return code;
	buf_init(&text, NOTE_MAX);
	code = file_read(path, &text);
	if (!code && (json_parse(buf_span(&text), &tree, NULL) || decode(tree, out)))
		code = -EBADMSG;
	json_free(tree);
	buf_done(&text);
	return code ? err_set(err, code, "reading %s: %s", path, strerror(-code)) : 0;
}

int leaving_write(const char *data_dir, const struct leaving *leaving, struct err *err)
{
	char path[PATH_MAX];
	struct buf text;
	int code = path_of(data_dir, LEAVING_FILE, path, err);

	if (code)
		return code;
	buf_init(&text, NOTE_MAX);
	(void)buf_addf(&text, "{\"told\":%s,\"stopped\":%s,\"node\":", leaving->told ? "true" : "false",
		       leaving->stopped ? "true" : "false");
	(void)buf_add_json_str(&text, span_of(leaving->node));
	(void)buf_add_str(&text, ",\"runtime\":");
	(void)buf_add_json_str(&text, span_of(leaving->runtime));
	code = buf_add_str(&text, "}\n");
	if (!code)
		code = file_write(path, buf_span(&text), 0600);
	buf_done(&text);
	return code ? err_set(err, code, "writing %s: %s", path, strerror(-code)) : 0;
}

/* --- the end --- */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	if (ftw->level && strcmp(path + ftw->base, LEAVING_FILE) == 0 && ftw->level == 1)
		return 0;
	return ftw->level && remove(path) && errno != ENOENT ? -1 : 0;
}

/* Links are removed, not followed. */
static int empty(const char *dir)
{
	if (nftw(dir, remove_entry, OPEN_DIRS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT))
		return errno == ENOENT ? 0 : -errno;
	return 0;
}

int leaving_wipe(const char *data_dir, struct err *err)
{
	static const char *const first[] = { "vault", "identity", "" }; /* what opens the rest goes first */
	char path[PATH_MAX];
	int code = 0;

	for (size_t i = 0; !code && i < sizeof(first) / sizeof(first[0]); i++) {
		code = path_of(data_dir, first[i], path, err);
		if (code)
			return code;
		code = empty(path);
		if (code)
			return err_set(err, code, "emptying %s: %s", path, strerror(-code));
	}
	code = path_of(data_dir, LEAVING_FILE, path, err);
	if (!code && unlink(path) && errno != ENOENT)
		code = err_set(err, -errno, "removing %s: %s", path, strerror(errno));
	return code;
}
