#include "edge-hub/pods/volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge-hub/pods/filedir.h"
#include "edge-hub/pods/mounts.h"
#include "edge-hub/pods/volume_files.h"

#define PATH_BYTES 4096u
#define MESSAGE_MAX 4096u

int volumes_path(const struct volumes *v, const char *uid, const char *rest, struct buf *out)
{
	if (!spec_is_component(uid))
		return -EINVAL;
	return buf_addf(out, "%s/pods/%s%s%s", v->data_dir, uid, rest ? "/" : "", rest ? rest : "");
}

bool volumes_is_read_only(const struct volume_spec *volume)
{
	return volume->kind != VOLUME_EMPTY_DIR && volume->kind != VOLUME_HOST_PATH;
}

static bool holds_secrets(const struct volume_spec *volume)
{
	const struct volume_source *sources = volume->sources.v;

	for (uint32_t i = 0; i < volume->sources.n; i++)
		if (sources[i].kind == SOURCE_SECRET || sources[i].kind == SOURCE_TOKEN)
			return true;
	return false;
}

static gid_t fs_group(const struct pod_spec *spec)
{
	const struct opt_int *group = &spec->security.fs_group;

	return group->set && group->value >= 0 && group->value < UINT32_MAX ? (gid_t)group->value : (gid_t)-1;
}

static int volume_path(const struct volumes *v, const struct pod_spec *spec, const struct volume_spec *volume,
		       struct buf *out)
{
	int rc = volumes_path(v, spec->uid, "volumes/", out);

	return rc ? rc : buf_add_str(out, volume->name);
}

/* --- one volume --- */
static int64_t memory_limit(const struct pod_spec *spec, const struct volume_spec *volume)
{
	struct resource_spec total;

	if (volume->size_limit.set)
		return volume->size_limit.value;
	spec_pod_resources(spec, &total);
	return total.memory_limit.set ? total.memory_limit.value : 0;
}

static int make_tmpfs(const struct volumes *v, const char *path, int64_t size_bytes, unsigned mode,
		      struct err *err)
{
	char options[80];
	int rc;

	if (mounts_is_mount_point(path))
		return 0;
	if (v->no_mounts)
		return err_set(err, -EPERM, "%s must be a tmpfs, and mounting is not allowed", path);
	snprintf(options, sizeof(options), size_bytes > 0 ? "mode=%04o,size=%lld" : "mode=%04o", mode,
		 (long long)size_bytes);
	rc = mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, options) ? -errno : 0;
	return rc ? err_set(err, rc, "tmpfs for a volume cannot be mounted: %s", strerror(-rc)) : 0;
}

static int fill(const char *path, const struct pod_world *world, const struct volume_spec *volume,
		bool *changed, struct err *err)
{
	struct file_set files;
	int rc;

	file_set_init(&files);
	rc = volume_files_collect(world, volume, &files, err);
	if (!rc)
		rc = filedir_write(path, &files, fs_group(world->spec), changed, err);
	file_set_done(&files);
	return rc;
}

static int make_empty_dir(const struct volumes *v, const char *path, const struct pod_spec *spec,
			  const struct volume_spec *volume, struct err *err)
{
	gid_t gid = fs_group(spec);
	unsigned mode = gid == (gid_t)-1 ? 0777 : 02777;
	int rc = volume->memory ? make_tmpfs(v, path, memory_limit(spec, volume), mode, err) : 0;

	if (!rc && gid != (gid_t)-1 && chown(path, (uid_t)-1, gid))
		rc = -errno;
	if (!rc && chmod(path, mode)) /* mkdir's mode is cut by the umask */
		rc = -errno;
	return rc;
}

static int check_host_path(const struct volume_spec *volume, struct err *err)
{
	static const struct {
		const char *name;
		mode_t type;
	} types[] = {
		{ "Directory", S_IFDIR },    { "DirectoryOrCreate", S_IFDIR }, { "File", S_IFREG },
		{ "FileOrCreate", S_IFREG }, { "Socket", S_IFSOCK },	       { "CharDevice", S_IFCHR },
		{ "BlockDevice", S_IFBLK },
	};
	struct stat st;
	int fd, rc = 0;

	if (!volume->host_path_type[0])
		return 0;
	if (strcmp(volume->host_path_type, "DirectoryOrCreate") == 0 && stat(volume->host_path, &st))
		rc = filedir_make(volume->host_path, 0755);
	if (strcmp(volume->host_path_type, "FileOrCreate") == 0) {
		fd = open(volume->host_path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
		rc = fd < 0 ? -errno : 0;
		if (fd >= 0)
			close(fd);
	}
	if (!rc && stat(volume->host_path, &st))
		rc = -errno;
	if (rc)
		return err_set(err, rc, "hostPath %s: %s", volume->host_path, strerror(-rc));
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].name, volume->host_path_type) == 0)
			return (st.st_mode & S_IFMT) == types[i].type
				       ? 0
				       : err_set(err, -EINVAL, "hostPath type check failed: %s is not a %s",
						 volume->host_path, types[i].name);
	return err_set(err, -EINVAL, "hostPath type \"%s\" is not known", volume->host_path_type);
}

static int prepare_one(const struct volumes *v, const struct pod_world *world,
		       const struct volume_spec *volume, bool *changed, struct err *err)
{
	struct buf path;
	int rc;

	if (volume->kind == VOLUME_HOST_PATH)
		return check_host_path(volume, err);
	buf_init(&path, PATH_BYTES);
	rc = volume_path(v, world->spec, volume, &path);
	if (!rc)
		rc = filedir_make(buf_cstr(&path), 0755);
	if (rc)
		err_set(err, rc, "directory of volume %s cannot be made", volume->name);
	else if (volume->kind == VOLUME_EMPTY_DIR)
		rc = make_empty_dir(v, buf_cstr(&path), world->spec, volume, err);
	else if (holds_secrets(volume))
		rc = make_tmpfs(v, buf_cstr(&path), 0, 0755, err);
	if (!rc && volumes_is_read_only(volume))
		rc = fill(buf_cstr(&path), world, volume, changed, err);
	buf_done(&path);
	return rc;
}

int volumes_prepare(const struct volumes *v, const struct pod_world *world, struct err *err)
{
	const struct volume_spec *volumes = world->spec->volumes.v;
	bool changed;
	struct buf path;
	int rc;

	buf_init(&path, PATH_BYTES);
	rc = volumes_path(v, world->spec->uid, NULL, &path);
	if (!rc)
		rc = filedir_make(buf_cstr(&path), 0755);
	if (rc)
		err_set(err, rc, "directory of the pod cannot be made: %s", strerror(-rc));
	for (uint32_t i = 0; !rc && i < world->spec->volumes.n; i++) {
		rc = prepare_one(v, world, &volumes[i], &changed, err);
		if (rc)
			err_wrap(err, "MountVolume.SetUp failed for volume \"%s\"", volumes[i].name);
	}
	buf_done(&path);
	return rc;
}

int volumes_refresh(const struct volumes *v, const struct pod_world *world, bool *out_changed,
		    struct err *err)
{
	const struct volume_spec *volumes = world->spec->volumes.v;
	int first = 0;

	*out_changed = false;
	for (uint32_t i = 0; i < world->spec->volumes.n; i++) {
		bool changed = false;
		int rc = volumes_is_read_only(&volumes[i]) ? prepare_one(v, world, &volumes[i], &changed, err)
							   : 0;

		*out_changed |= changed;
		first = first ? first : rc; /* what can be refreshed is, whatever the others say */
	}
	return first;
}

/* --- what a container mounts --- */
static int base_path(const struct volumes *v, const struct pod_spec *spec, const struct volume_spec *volume,
		     struct buf *out)
{
	return volume->kind == VOLUME_HOST_PATH ? buf_add_str(out, volume->host_path)
						: volume_path(v, spec, volume, out);
}

static int sub_path_of(const struct mount_spec *mount, const struct env_list *env, struct buf *out,
		       struct err *err)
{
	int rc = 0;

	if (mount->sub_path_expr[0])
		rc = env_expand_known(span_of(mount->sub_path_expr), env, out);
	else
		rc = buf_add_str(out, mount->sub_path);
	if (rc)
		return err_set(err, rc, "subPathExpr \"%s\" names a variable that has no value",
			       mount->sub_path_expr);
	return 0;
}

int volumes_mount_path(const struct volumes *v, const struct pod_world *world,
		       const struct container_spec *container, uint32_t index, const struct env_list *env,
		       struct buf *out, struct err *err)
{
	const struct mount_spec *mount = &((const struct mount_spec *)container->mounts.v)[index];
	const struct volume_spec *volume = spec_volume(world->spec, mount->name);
	struct buf base, sub;
	int rc;

	if (!volume)
		return err_set(err, -EINVAL, "volume %s is not known", mount->name);
	buf_init(&base, PATH_BYTES);
	buf_init(&sub, PATH_BYTES);
	rc = base_path(v, world->spec, volume, &base);
	if (!rc)
		rc = sub_path_of(mount, env, &sub, err);
	if (!rc && !sub.len) {
		rc = buf_add_span(out, buf_span(&base));
	} else if (!rc && v->no_mounts) {
		rc = err_set(err, -EPERM, "subPath needs a bind mount, and mounting is not allowed");
	} else if (!rc) {
		rc = volumes_path(v, world->spec->uid, "subpaths/", out);
		buf_addf(out, "%s/%u", container->name, index);
		if (!rc && !buf_error(out))
			rc = mounts_bind_beneath(buf_cstr(&base), buf_cstr(&sub), buf_cstr(out), err);
	}
	buf_done(&base);
	buf_done(&sub);
	return rc;
}

/* --- last words --- */
static int message_path(const struct volumes *v, const char *uid, const char *container, struct buf *out)
{
	int rc = spec_is_component(container) ? volumes_path(v, uid, "containers/", out) : -EINVAL;

	return rc ? rc : buf_add_str(out, container);
}

int volumes_message_file(const struct volumes *v, const char *uid, const char *container, unsigned attempt,
			 struct buf *out_path)
{
	int rc = message_path(v, uid, container, out_path);
	int fd;

	if (!rc)
		rc = filedir_make(buf_cstr(out_path), 0755);
	if (rc)
		return rc;
	/* Only the last two are of interest, as with the containers themselves. */
	for (unsigned old = attempt > 3 ? attempt - 3 : 0; old + 2 < attempt; old++) {
		size_t len = out_path->len;

		buf_addf(out_path, "/%u", old);
		(void)unlink(buf_cstr(out_path));
		out_path->len = len;
	}
	rc = buf_addf(out_path, "/%u", attempt);
	if (rc)
		return rc;
	fd = open(buf_cstr(out_path), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	rc = fchmod(fd, 0666) ? -errno : 0; /* the container may run as any user */
	close(fd);
	return rc;
}

int volumes_read_message(const struct volumes *v, const char *uid, const char *container, unsigned attempt,
			 struct buf *out)
{
	struct buf path;
	ssize_t n = 0;
	int fd, rc;

	buf_init(&path, PATH_BYTES);
	rc = message_path(v, uid, container, &path);
	if (!rc)
		rc = buf_addf(&path, "/%u", attempt);
	fd = rc ? -1 : open(buf_cstr(&path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (!rc && fd < 0)
		rc = -errno;
	if (!rc)
		rc = buf_reserve(out, MESSAGE_MAX);
	if (!rc)
		n = read(fd, out->data + out->len, MESSAGE_MAX);
	if (n < 0)
		rc = -errno;
	out->len += n > 0 ? (size_t)n : 0;
	if (fd >= 0)
		close(fd);
	buf_done(&path);
	return rc;
}

/* --- /etc/hosts --- */
static int write_hosts(const char *path, struct span text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	int rc = 0;

	if (fd < 0)
		return -errno;
	/* Written in place: running containers have this very file mounted. */
	if (pwrite(fd, text.ptr, text.len, 0) != (ssize_t)text.len || ftruncate(fd, (off_t)text.len))
		rc = errno ? -errno : -EIO;
	close(fd);
	return rc;
}

static void hosts_of_machine(struct buf *text)
{
	int fd = open("/etc/hosts", O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;

	if (fd < 0)
		return;
	while (!buf_reserve(text, 4096) && (n = read(fd, text->data + text->len, 4096)) > 0)
		text->len += (size_t)n;
	close(fd);
}

static void hosts_text(const struct pod_world *world, const char *hostname, struct buf *text)
{
	const struct host_alias *aliases = world->spec->host_aliases.v;
	struct span rest = span_of(world->pod_ips), ip;
	bool more = true;

	if (world->spec->host_network) {
		hosts_of_machine(text);
	} else {
		buf_add_str(text, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
				  "fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-"
				  "allnodes\nfe00::2\tip6-allrouters\n");
		while (more) {
			more = span_cut(rest, ',', &ip, &rest);
			if (ip.len)
				buf_addf(text, "%.*s\t%s\n", SPAN_ARG(ip), hostname);
		}
	}
	for (uint32_t i = 0; i < world->spec->host_aliases.n; i++) {
		buf_add_str(text, aliases[i].ip);
		for (uint32_t k = 0; k < aliases[i].names.n; k++)
			buf_addf(text, "\t%s", aliases[i].names.v[k]);
		buf_add_char(text, '\n');
	}
}

int volumes_hosts_file(const struct volumes *v, const struct pod_world *world, const char *hostname,
		       struct buf *out_path)
{
	struct buf text;
	int rc = volumes_path(v, world->spec->uid, "hosts", out_path);

	buf_init(&text, 256u * 1024);
	hosts_text(world, hostname, &text);
	if (!rc)
		rc = buf_error(&text);
	if (!rc)
		rc = write_hosts(buf_cstr(out_path), buf_span(&text));
	buf_done(&text);
	return rc;
}

/* --- the end --- */
int volumes_remove(const char *data_dir, const char *uid)
{
	const struct volumes v = { .data_dir = data_dir };
	struct buf path;
	int rc;

	buf_init(&path, PATH_BYTES);
	rc = volumes_path(&v, uid, NULL, &path);
	if (!rc)
		rc = mounts_unmount_below(buf_cstr(&path));
	if (!rc)
		rc = filedir_remove(buf_cstr(&path));
	buf_done(&path);
	return rc;
}
