/* Environment and volumes: what a pod's containers find, on a real directory. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "edge-hub/pods/filedir.h"
#include "edge-hub/pods/mounts.h"
#include "edge-hub/pods/volumes.h"

struct bench {
	char dir[64];
	struct pod_spec *spec;
	struct pod_world world;
	struct volumes volumes;
	char config[512], secret[512]; /* bodies; "" absent */
	bool privileged;	       /* may mount */
};

static int lookup(void *ctx, const char *resource, const char *name, const struct object **out)
{
	struct bench *b = ctx;
	bool secret = strcmp(resource, "secrets") == 0;
	struct object from = { .key = { resource, "ns", name }, .uid = "" };

	if (strcmp(name, "later") == 0)
		return -EAGAIN;
	from.body = span_of(secret ? b->secret : b->config);
	if (!from.body.len || strcmp(name, secret ? "s" : "c") != 0)
		return -ENOENT;
	*out = object_new(&from);
	return *out ? 0 : -ENOMEM;
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	char probe[80];

	assert_non_null(b);
	snprintf(b->dir, sizeof(b->dir), "/tmp/holdfast-pods-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	snprintf(probe, sizeof(probe), "%s/probe", b->dir);
	assert_int_equal(mkdir(probe, 0755), 0);
	b->privileged = mount("tmpfs", probe, "tmpfs", 0, NULL) == 0;
	if (b->privileged)
		assert_int_equal(umount(probe), 0);
	b->volumes = (struct volumes){ .data_dir = b->dir, .no_mounts = !b->privileged };
	snprintf(b->config, sizeof(b->config),
		 "{\"data\":{\"k\":\"v1\",\"port\":\"80\"},\"binaryData\":{\"bin\":\"AAEC\"}}");
	snprintf(b->secret, sizeof(b->secret), "{\"data\":{\"pw\":\"c2VjcmV0\"}}");
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	assert_int_equal(mounts_unmount_below(b->dir), 0);
	assert_int_equal(filedir_remove(b->dir), 0);
	spec_free(b->spec);
	free(b);
	return 0;
}

static void pod(struct bench *b, const char *spec)
{
	struct err err = { 0 };
	struct buf body;

	buf_init(&body, 1 << 20);
	buf_addf(&body,
		 "{\"metadata\":{\"namespace\":\"ns\",\"name\":\"web\",\"uid\":\"u-1\",\"labels\":{\"b\":"
		 "\"2\",\"a\":\"x\\\"y\"},"
		 "\"annotations\":{\"note\":\"n\"}},\"spec\":%s}",
		 spec);
	if (spec_decode(buf_span(&body), &b->spec, &err))
		fail_msg("%s", err_text(&err));
	buf_done(&body);
	b->world = (struct pod_world){ .spec = b->spec,
				       .node_name = "n1",
				       .host_ip = "192.168.1.2",
				       .pod_ips = "10.0.0.5,fd00::5",
				       .allocatable_cpu_milli = 4000,
				       .allocatable_memory_bytes = 1 << 30,
				       .lookup = lookup,
				       .ctx = b };
}

static void assert_file(struct bench *b, const char *path, const char *content, unsigned mode)
{
	char full[512], text[256];
	struct stat st;
	ssize_t n;
	int fd;

	snprintf(full, sizeof(full), "%s/pods/u-1/volumes/%s", b->dir, path);
	fd = open(full, O_RDONLY);
	if (fd < 0)
		fail_msg("%s: %s", full, strerror(errno));
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	assert_string_equal(text, content);
	if (mode)
		assert_int_equal(st.st_mode & 07777, mode);
}

static bool is_there(struct bench *b, const char *path)
{
	char full[512];
	struct stat st;

	snprintf(full, sizeof(full), "%s/pods/u-1/%s", b->dir, path);
	return lstat(full, &st) == 0;
}

static void prepare(struct bench *b)
{
	struct err err = { 0 };

	if (volumes_prepare(&b->volumes, &b->world, &err))
		fail_msg("%s", err_text(&err));
}

static void variables_come_from_everywhere_and_expand(void **state)
{
	static const struct {
		const char *name, *value;
	} want[] = {
		{ "PLAIN", "p" },    { "NODE", "n1" },	 { "IP", "10.0.0.5" },
		{ "LABEL", "x\"y" }, { "CPU", "4" },	 { "MEM", "64" },
		{ "FROM_CM", "v1" }, { "PW", "secret" }, { "MIX", "p-v1-$(NOPE)-$(PLAIN)" },
		{ "X_k", "v1" },     { "X_port", "80" }, { "OVER", "second" },
	};
	struct bench *b = *state;
	struct env_list env;
	struct err err = { 0 };

	pod(b, "{\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"resources\":{\"requests\":{\"memory\":"
	       "\"64Mi\"}},"
	       "\"envFrom\":[{\"prefix\":\"X_\",\"configMapRef\":{\"name\":\"c\"}},{\"secretRef\":{\"name\":"
	       "\"none\",\"optional\":true}}],\"env\":["
	       "{\"name\":\"PLAIN\",\"value\":\"p\"},{\"name\":\"NODE\",\"valueFrom\":{\"fieldRef\":{"
	       "\"fieldPath\":\"spec.nodeName\"}}},"
	       "{\"name\":\"IP\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"status.podIP\"}}},"
	       "{\"name\":\"LABEL\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"metadata.labels['a']\"}}},"
	       "{\"name\":\"CPU\",\"valueFrom\":{\"resourceFieldRef\":{\"resource\":\"limits.cpu\"}}},"
	       "{\"name\":\"MEM\",\"valueFrom\":{\"resourceFieldRef\":{\"resource\":\"requests.memory\","
	       "\"divisor\":\"1Mi\"}}},"
	       "{\"name\":\"FROM_CM\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"c\",\"key\":\"k\"}}},"
	       "{\"name\":\"PW\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\",\"key\":\"pw\"}}},"
	       "{\"name\":\"GONE\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\",\"key\":\"nokey\","
	       "\"optional\":true}}},"
	       "{\"name\":\"OVER\",\"value\":\"first\"},{\"name\":\"OVER\",\"value\":\"second\"},"
	       "{\"name\":\"MIX\",\"value\":\"$(PLAIN)-$(FROM_CM)-$(NOPE)-$$(PLAIN)\"}]}]}");
	if (env_resolve(&b->world, b->spec->containers, &env, &err))
		fail_msg("%s", err_text(&err));
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const char *value = env_get(&env, want[i].name);

		if (!value || strcmp(value, want[i].value) != 0)
			fail_msg("%s is %s, not %s", want[i].name, value ? value : "absent", want[i].value);
	}
	assert_null(env_get(&env, "GONE"));
	env_done(&env);
}

static void a_missing_object_says_which(void **state)
{
	struct bench *b = *state;
	struct env_list env;
	struct err err = { 0 };

	pod(b, "{\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"env\":[{\"name\":\"A\",\"valueFrom\":{"
	       "\"configMapKeyRef\":{\"name\":\"gone\",\"key\":\"k\"}}}]},"
	       "{\"name\":\"b\",\"image\":\"i\",\"envFrom\":[{\"secretRef\":{\"name\":\"later\",\"optional\":"
	       "true}}]},"
	       "{\"name\":\"c\",\"image\":\"i\",\"env\":[{\"name\":\"A\",\"valueFrom\":{\"secretKeyRef\":{"
	       "\"name\":\"s\",\"key\":\"zz\"}}}]}]}");
	assert_int_equal(env_resolve(&b->world, &b->spec->containers[0], &env, &err), -ENOENT);
	assert_string_equal(err_text(&err), "configmap \"gone\" not found");
	/* Not known yet is not the same as optional and absent. */
	assert_int_equal(env_resolve(&b->world, &b->spec->containers[1], &env, &err), -EAGAIN);
	assert_int_equal(env_resolve(&b->world, &b->spec->containers[2], &env, &err), -ENOENT);
	assert_non_null(strstr(err_text(&err), "couldn't find key zz in Secret ns/s"));
}

static void files_of_a_volume_change_all_at_once(void **state)
{
	struct bench *b = *state;
	struct err err = { 0 };
	char link[512], before[128], after[128];
	bool changed;
	ssize_t n;

	pod(b, "{\"volumes\":[{\"name\":\"v\",\"configMap\":{\"name\":\"c\",\"defaultMode\":420}}],"
	       "\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}");
	prepare(b);
	assert_file(b, "v/k", "v1", 0644);
	assert_file(b, "v/port", "80", 0644);
	snprintf(link, sizeof(link), "%s/pods/u-1/volumes/v/..data", b->dir);
	n = readlink(link, before, sizeof(before) - 1);
	assert_true(n > 0);
	before[n] = '\0';
	assert_int_equal(volumes_refresh(&b->volumes, &b->world, &changed, &err), 0);
	assert_false(changed); /* nothing is written when nothing differs */
	snprintf(b->config, sizeof(b->config), "{\"data\":{\"k\":\"v2\",\"new\":\"n\"}}");
	assert_int_equal(volumes_refresh(&b->volumes, &b->world, &changed, &err), 0);
	assert_true(changed);
	assert_file(b, "v/k", "v2", 0644);
	assert_file(b, "v/new", "n", 0644);
	assert_false(is_there(b, "volumes/v/port"));
	n = readlink(link, after, sizeof(after) - 1);
	after[n > 0 ? n : 0] = '\0';
	assert_string_not_equal(before, after);
	snprintf(link, sizeof(link), "volumes/v/%s", before);
	assert_false(is_there(b, link)); /* the old version is gone */
}

static void a_file_damaged_by_a_power_cut_is_written_again(void **state)
{
	struct bench *b = *state;
	char path[512];

	pod(b, "{\"volumes\":[{\"name\":\"v\",\"configMap\":{\"name\":\"c\"}}],\"containers\":[{\"name\":"
	       "\"a\",\"image\":\"i\"}]}");
	prepare(b);
	snprintf(path, sizeof(path), "%s/pods/u-1/volumes/v/k", b->dir);
	assert_int_equal(truncate(path, 0), 0);
	prepare(b);
	assert_file(b, "v/k", "v1", 0644);
	snprintf(path, sizeof(path), "%s/pods/u-1/volumes/v/port", b->dir);
	assert_int_equal(unlink(path), 0);
	prepare(b);
	assert_file(b, "v/port", "80", 0644);
}

static void items_modes_and_downward_files(void **state)
{
	struct bench *b = *state;

	pod(b, "{\"volumes\":[{\"name\":\"p\",\"projected\":{\"defaultMode\":256,\"sources\":[{\"configMap\":"
	       "{\"name\":\"c\",\"items\":["
	       "{\"key\":\"k\",\"path\":\"deep/er/k\",\"mode\":384}]}},{\"downwardAPI\":{\"items\":["
	       "{\"path\":\"labels\",\"fieldRef\":{\"fieldPath\":\"metadata.labels\"}},"
	       "{\"path\":\"cpu\",\"resourceFieldRef\":{\"containerName\":\"a\",\"resource\":\"limits.cpu\","
	       "\"divisor\":\"1m\"}}]}}]}}],"
	       "\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}");
	prepare(b);
	assert_file(b, "p/deep/er/k", "v1", 0600);
	assert_file(b, "p/labels", "a=\"x\\\"y\"\nb=\"2\"", 0400);
	assert_file(b, "p/cpu", "4000", 0400);
}

static void secrets_are_never_on_disk(void **state)
{
	struct bench *b = *state;
	struct err err = { 0 };
	struct stat disk, volume;
	char path[512];

	pod(b, "{\"volumes\":[{\"name\":\"s\",\"secret\":{\"secretName\":\"s\"}}],\"containers\":[{\"name\":"
	       "\"a\",\"image\":\"i\"}]}");
	if (!b->privileged) {
		assert_int_equal(volumes_prepare(&b->volumes, &b->world, &err), -EPERM);
		return;
	}
	prepare(b);
	assert_file(b, "s/pw", "secret", 0644);
	snprintf(path, sizeof(path), "%s/pods/u-1/volumes/s", b->dir);
	assert_int_equal(stat(b->dir, &disk), 0);
	assert_int_equal(stat(path, &volume), 0);
	assert_int_not_equal(disk.st_dev, volume.st_dev);
	prepare(b); /* idempotent: not mounted twice */
	assert_int_equal(umount(path), 0);
	assert_false(is_there(b, "volumes/s/pw"));
}

static void missing_objects_fail_the_mount_unless_optional(void **state)
{
	struct bench *b = *state;
	struct err err = { 0 };

	pod(b, "{\"volumes\":[{\"name\":\"o\",\"configMap\":{\"name\":\"none\",\"optional\":true}},{\"name\":"
	       "\"v\",\"configMap\":{\"name\":\"none\"}}],"
	       "\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}");
	assert_int_equal(volumes_prepare(&b->volumes, &b->world, &err), -ENOENT);
	assert_string_equal(err_text(&err),
			    "MountVolume.SetUp failed for volume \"v\": configmap \"none\" not found");
	assert_true(is_there(b, "volumes/o"));
}

static int sub_path(struct bench *b, struct buf *path)
{
	struct env_list env = { 0 };
	struct err err = { 0 };

	buf_reset(path);
	return volumes_mount_path(&b->volumes, &b->world, b->spec->containers, 0, &env, path, &err);
}

/* Linux before 5.6, and qemu-user, have none. */
static bool has_openat2(void)
{
	return syscall(SYS_openat2, AT_FDCWD, ".", NULL, (size_t)0) < 0 && errno != ENOSYS;
}

static void a_sub_path_cannot_leave_its_volume(void **state)
{
	struct bench *b = *state;
	char inside[512];
	struct buf path;
	struct stat st;

	if (!b->privileged)
		skip();
	pod(b, "{\"volumes\":[{\"name\":\"e\",\"emptyDir\":{}}],\"containers\":[{\"name\":\"a\",\"image\":"
	       "\"i\",\"volumeMounts\":"
	       "[{\"name\":\"e\",\"mountPath\":\"/m\",\"subPath\":\"a/b\"}]}]}");
	prepare(b);
	buf_init(&path, 4096);
	assert_int_equal(sub_path(b, &path), 0); /* made where it is missing */
	assert_int_equal(stat(buf_cstr(&path), &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(mounts_unmount_below(b->dir), 0);
	snprintf(inside, sizeof(inside), "%s/pods/u-1/volumes/e/a/b", b->dir);
	assert_int_equal(rmdir(inside), 0);
	assert_int_equal(symlink("/etc", inside), 0); /* what a container could do */
	assert_true(sub_path(b, &path) < 0);
	assert_int_equal(unlink(inside), 0);
	assert_int_equal(symlink("../../../../../../etc", inside), 0);
	assert_true(sub_path(b, &path) < 0);
	assert_int_equal(unlink(inside), 0);
	assert_int_equal(symlink("../c", inside), 0);
	snprintf(inside, sizeof(inside), "%s/pods/u-1/volumes/e/c", b->dir);
	assert_int_equal(mkdir(inside, 0755), 0);
	if (has_openat2())
		assert_int_equal(sub_path(b, &path), 0); /* within is allowed */
	else
		assert_int_equal(sub_path(b, &path),
				 -ELOOP); /* where that cannot be told, no link is followed */
	buf_done(&path);
}

static void removal_takes_everything_and_follows_nothing(void **state)
{
	struct bench *b = *state;
	char link[512], target[512];
	struct buf path;

	pod(b, b->privileged ? "{\"volumes\":[{\"name\":\"e\",\"emptyDir\":{\"medium\":\"Memory\"}},{"
			       "\"name\":\"s\",\"secret\":{\"secretName\":\"s\"}}],"
			       "\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}"
			     : "{\"volumes\":[{\"name\":\"e\",\"emptyDir\":{}}],\"containers\":[{\"name\":"
			       "\"a\",\"image\":\"i\"}]}");
	prepare(b);
	snprintf(target, sizeof(target), "%s/precious", b->dir);
	assert_int_equal(mkdir(target, 0755), 0);
	snprintf(link, sizeof(link), "%s/pods/u-1/volumes/e/link", b->dir);
	assert_int_equal(symlink(target, link), 0);
	buf_init(&path, 4096);
	assert_int_equal(volumes_message_file(&b->volumes, "u-1", "a", 0, &path), 0);
	buf_done(&path);
	assert_int_equal(volumes_remove(b->dir, "u-1"), 0);
	assert_false(is_there(b, ""));
	assert_int_equal(access(target, F_OK), 0);
	assert_int_equal(volumes_remove(b->dir, "u-1"), 0);
	assert_int_equal(volumes_remove(b->dir, "../precious"), -EINVAL);
}

static void host_paths_are_checked(void **state)
{
	struct bench *b = *state;
	static const struct {
		const char *path, *type;
		int rc;
	} cases[] = {
		{ "/proc/self", "Directory", 0 },
		{ "/proc/self", "File", -EINVAL },
		{ "/dev/null", "CharDevice", 0 },
		{ "/nowhere", "Directory", -ENOENT },
		{ "/nowhere", "", 0 },
		{ "/proc/self", "Strange", -EINVAL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = { 0 };
		char spec[512];

		snprintf(spec, sizeof(spec),
			 "{\"volumes\":[{\"name\":\"h\",\"hostPath\":{\"path\":\"%s\",\"type\":\"%s\"}}],"
			 "\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}",
			 cases[i].path, cases[i].type);
		spec_free(b->spec);
		pod(b, spec);
		assert_int_equal(volumes_prepare(&b->volumes, &b->world, &err), cases[i].rc);
	}
}

static void names_that_are_not_files_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "/abs", "a//b", "./a", "a/../b", "..", "..data", "..x/y", "a/"
	};
	struct file_set set;

	file_set_init(&set);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(file_set_add(&set, bad[i], SPAN("x"), 0644), -EINVAL);
	assert_int_equal(file_set_add(&set, "a", SPAN("1"), 0644), 0);
	assert_int_equal(file_set_add(&set, "a", SPAN("2"), 0600), 0);
	assert_int_equal(set.n, 1);
	file_set_done(&set);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(variables_come_from_everywhere_and_expand),
		WITH(a_missing_object_says_which),
		WITH(files_of_a_volume_change_all_at_once),
		WITH(a_file_damaged_by_a_power_cut_is_written_again),
		WITH(items_modes_and_downward_files),
		WITH(secrets_are_never_on_disk),
		WITH(missing_objects_fail_the_mount_unless_optional),
		WITH(a_sub_path_cannot_leave_its_volume),
		WITH(removal_takes_everything_and_follows_nothing),
		WITH(host_paths_are_checked),
		cmocka_unit_test(names_that_are_not_files_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
