#include "cloud-hub/backup/place.h"

#include "base/files.h"
#include "cloud-hub/backup/restore.h"
#include "cloud-hub/backup/schedule.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* In a directory that is being built: it is nobody's state yet, and may be removed. Gone before the exchange. */
#define UNFINISHED "restore-unfinished"
#define OPEN_FILES 16

struct place {
	char dir[PATH_MAX], building[PATH_MAX], before[PATH_MAX];
	int dir_lock, building_lock;
	bool dir_exists, has_cluster, exchanged;
};

static int join(char out[PATH_MAX], const char *a, const char *b, const char *c)
{
	int len = snprintf(out, PATH_MAX, "%s%s%s", a, b, c);

	return len < 0 || len >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static bool holds(const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	return !join(path, dir, "/", name) && lstat(path, &st) == 0;
}

static bool holds_cluster(const char *dir)
{
	return holds(dir, "store.db") || holds(dir, "store.db.good") || holds(dir, "pki") ||
	       holds(dir, "vault");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static int remove_tree(const char *dir)
{
	return nftw(dir, remove_one, OPEN_FILES, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) ? -errno : 0;
}

static int name_before(struct place *p, int64_t now_wall_ms)
{
	char stamp[SCHEDULE_STAMP_SIZE], name[64];
	struct stat st;
	int code = 0;

	schedule_stamp(now_wall_ms, stamp);
	for (unsigned i = 1; !code && i < 1000; i++) {
		(void)snprintf(name, sizeof(name), i > 1 ? RESTORE_BEFORE "%s-%u" : RESTORE_BEFORE "%s",
			       stamp, i);
		code = join(p->before, p->dir, name, "");
		if (!code && lstat(p->before, &st) && errno == ENOENT)
			return 0;
	}
	return code ? code : -EEXIST;
}

/* --- opening --- */

static int lock_dir(struct place *p, bool force, struct err *err)
{
	struct stat st;
	int code;

	if (lstat(p->dir, &st))
		return errno == ENOENT ? 0 : err_set(err, -errno, "%s: %s", p->dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return err_set(err, -ENOTDIR, "%s is no directory: give the place itself, not a link to it",
			       p->dir);
	code = file_lock_dir(p->dir, 0700, &p->dir_lock);
	if (code == -EBUSY)
		return err_set(err, code, "a cloud-hub runs with %s: stop it first", p->dir);
	if (code)
		return err_set(err, code, "%s: %s", p->dir, strerror(-code));
	p->dir_exists = true;
	p->has_cluster = holds_cluster(p->dir);
	if (p->has_cluster && !force)
		return err_set(
			err, -EEXIST,
			"%s holds a cluster: with --force it is put aside, and the backup takes its place",
			p->dir);
	return 0;
}

/* An attempt that was cut short before the exchange left something unfinished, which goes; one cut short right after it left the state of
 * before, which is put where it belongs. */
static int clear_building(struct place *p, int64_t now_wall_ms, struct err *err)
{
	struct stat st;
	int code;

	if (lstat(p->building, &st))
		return errno == ENOENT ? 0 : err_set(err, -errno, "%s: %s", p->building, strerror(errno));
	code = file_lock_dir(p->building, 0700, &p->building_lock);
	if (code)
		return err_set(err, code,
			       code == -EBUSY ? "another restore is under way in %s" : "%s cannot be locked",
			       p->building);
	(void)close(p->building_lock);
	p->building_lock = -1;
	if (holds(p->building, UNFINISHED) || !holds_cluster(p->building))
		code = remove_tree(p->building);
	else
		code = rename(p->building, p->before) ? -errno : name_before(p, now_wall_ms);
	return code ? err_set(err, code, "clearing %s away: %s", p->building, strerror(-code)) : 0;
}

static int start_building(struct place *p, struct err *err)
{
	char mark[PATH_MAX];
	int code = file_make_dirs(p->building, 0700);

	if (!code)
		code = file_lock_dir(p->building, 0700, &p->building_lock);
	if (!code)
		code = join(mark, p->building, "/", UNFINISHED);
	if (!code)
		code = file_write(
			mark, SPAN("A restore builds here. If none runs, this directory can be removed.\n"),
			0600);
	return code ? err_set(err, code, "%s: %s", p->building, strerror(-code)) : 0;
}

int place_open(const char *dir, bool force, int64_t now_wall_ms, struct place **out, struct err *err)
{
	struct place *p = calloc(1, sizeof(*p));
	int code;

	if (!p)
		return err_set(err, -ENOMEM, "out of memory");
	p->dir_lock = p->building_lock = -1;
	code = join(p->dir, dir, "", "");
	if (!code)
		code = join(p->building, dir, RESTORE_BUILDING, "");
	code = code ? err_set(err, code, "the data directory's name is too long") : lock_dir(p, force, err);
	if (!code && name_before(p, now_wall_ms))
		code = err_set(err, -EEXIST, "%s" RESTORE_BEFORE "...: there are too many", dir);
	if (!code)
		code = clear_building(p, now_wall_ms, err);
	if (!code)
		code = start_building(p, err);
	if (code) {
		p->exchanged = p->building_lock < 0; /* what is there is not ours to remove */
		place_close(p);
		return code;
	}
	*out = p;
	return 0;
}

bool place_has_cluster(const struct place *p)
{
	return p->has_cluster;
}

const char *place_building(const struct place *p)
{
	return p->building;
}

/* --- the exchange --- */

static int sync_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	int fd = type == FTW_F || type == FTW_DP || type == FTW_D
			 ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
			 : -1;
	int code = fd < 0 ? 0 : fsync(fd);

	if (fd >= 0)
		(void)close(fd);
	return code;
}

static int finish_building(struct place *p)
{
	char mark[PATH_MAX];

	if (join(mark, p->building, "/", UNFINISHED) ||
	    nftw(p->building, sync_one, OPEN_FILES, FTW_DEPTH | FTW_PHYS))
		return -errno;
	if (unlink(mark))
		return -errno;
	return file_sync_dir(p->building);
}

static int swap(const struct place *p, struct err *err)
{
	unsigned flags = p->dir_exists ? RENAME_EXCHANGE : RENAME_NOREPLACE;
	int code = renameat2(AT_FDCWD, p->building, AT_FDCWD, p->dir, flags) ? -errno : 0;

	if (code == -EINVAL || code == -ENOSYS)
		return err_set(err, -EOPNOTSUPP,
			       "this file system cannot exchange directories in one step: move %s away "
			       "yourself, and restore "
			       "into the empty place",
			       p->dir);
	if (code == -EBUSY || code == -EXDEV)
		return err_set(err, code,
			       "%s is mounted by itself: restore into a directory below it, or unmount it",
			       p->dir);
	return code ? err_set(err, code, "%s: %s", p->dir, strerror(-code)) : 0;
}

/* A directory that nothing was ever put into but a lock. */
static bool remove_empty(const char *dir)
{
	char lock[PATH_MAX];

	return !join(lock, dir, "/lock", "") && (!unlink(lock) || errno == ENOENT) && !rmdir(dir);
}

int place_exchange(struct place *p, char out_before[PATH_MAX], struct err *err)
{
	int code = finish_building(p);

	out_before[0] = '\0';
	if (code)
		return err_set(err, code, "%s: %s", p->building, strerror(-code));
	code = swap(p, err);
	if (code)
		return code;
	p->exchanged = true;
	/* From here on the new state is in place; what is left to do is tidying up. */
	if (p->dir_exists && (p->has_cluster || !remove_empty(p->building))) {
		code = rename(p->building, p->before) ? -errno : 0;
		(void)snprintf(out_before, PATH_MAX, "%s", code ? p->building : p->before);
	}
	code = file_sync_parent(p->dir);
	return code ? err_set(err, code, "%s is in place, but the disk may not know yet: %s", p->dir,
			      strerror(-code))
		    : 0;
}

void place_close(struct place *p)
{
	if (!p)
		return;
	if (!p->exchanged)
		(void)remove_tree(p->building);
	if (p->dir_lock >= 0)
		(void)close(p->dir_lock);
	if (p->building_lock >= 0)
		(void)close(p->building_lock);
	free(p);
}
