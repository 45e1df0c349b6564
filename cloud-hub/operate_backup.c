#include "cloud-hub/operate_backup.h"

#include "base/clock.h"
#include "base/files.h"
#include "cloud-hub/backup/desk.h"
#include "cloud-hub/backup/make.h"
#include "cloud-hub/backup/passphrase.h"
#include "cloud-hub/operate_ask.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define TIMEOUT_MS \
	(24u * 60 * 60 * 1000) /* the hub says when it is done, and the socket when the hub is gone */
#define BODY_MAX (16u * 1024)

static int complain(const struct err *err)
{
	fprintf(stderr, "cloud-hub: %s\n", err_text(err));
	return OPTIONS_EXIT_FAILED;
}

static int read_passphrase(const struct options *options, struct buf *out, struct err *err)
{
	const char *file = options_get(options, "passphrase-file");

	buf_init(out, ARCHIVE_PASSPHRASE_MAX);
	return file ? passphrase_read(file, out, err) : 0;
}

static void warn_of_keys(const char *path)
{
	fprintf(stderr,
		"cloud-hub: %s holds the cluster's keys for whoever can read it: keep it as you keep the "
		"machine "
		"itself, or give --passphrase-file\n",
		path);
}

/* --- backup --verify --- */

static int verify(const struct options *options, const char *path)
{
	struct archive_sink nothing = { 0 };
	struct archive_head head;
	struct buf passphrase;
	struct err err = { 0 };
	char made[CLOCK_TEXT_SIZE];
	int code = read_passphrase(options, &passphrase, &err);

	if (!code)
		code = archive_read_file(path, buf_span(&passphrase), &nothing, &head, &err);
	if (code) {
		passphrase_wipe(&passphrase);
		return complain(&err);
	}
	clock_format(head.made_wall_ms, made);
	printf("%s: whole; made %s by cloud-hub %s, revision %llu, %llu objects%s\n", path, made,
	       head.software, (unsigned long long)head.revision, (unsigned long long)head.objects,
	       !head.is_sealed	? ""
	       : passphrase.len ? "; the passphrase opens its keys"
				: "; its keys are sealed with a passphrase, which was not tried");
	passphrase_wipe(&passphrase);
	return OPTIONS_EXIT_OK;
}

/* --- backup --- */

static int show_made(const struct json *answer, void *ctx)
{
	const char *path = json_path_str(answer, "path", "");

	(void)ctx;
	printf("%s: %lld bytes, revision %lld, %lld objects, made %s\n", path,
	       (long long)json_path_int(answer, "bytes", 0), (long long)json_path_int(answer, "revision", 0),
	       (long long)json_path_int(answer, "objects", 0), json_path_str(answer, "made", ""));
	if (!json_path_bool(answer, "sealed", false))
		warn_of_keys(path);
	return OPTIONS_EXIT_OK;
}

static int ask_hub(const struct options *options, const char *path, struct span passphrase)
{
	struct buf body;
	int exit_code = OPTIONS_EXIT_FAILED, code;

	buf_init(&body, BODY_MAX);
	buf_add_str(&body, "{\"path\":");
	code = buf_add_json_str(&body, span_of(path));
	buf_add_str(&body, ",\"passphrase\":");
	if (!code)
		code = buf_add_json_str(&body, passphrase);
	buf_add_char(&body, '}');
	if (code == -EILSEQ)
		fprintf(stderr, "cloud-hub: name and passphrase must be UTF-8\n");
	else if (code || buf_error(&body))
		fprintf(stderr, "cloud-hub: name or passphrase is too long\n");
	else
		exit_code = operate_ask_for(options, "POST", BACKUP_PATH, buf_span(&body), TIMEOUT_MS,
					    show_made, NULL);
	passphrase_wipe(&body);
	return exit_code;
}

static int backup_here(const struct settings *settings, const char *path, struct span passphrase)
{
	struct backup_offline from = { .vault = { .data_dir = settings->data_dir,
						  .key_file = settings->secrets_key_file,
						  .wrap = settings->secrets_wrap,
						  .tpm = settings->secrets_tpm },
				       .config = settings->config_file };
	struct backup_made made = { 0 };
	struct err err = { 0 };
	char text[CLOCK_TEXT_SIZE];

	if (backup_stopped_hub(&from, path, passphrase, &made, &err))
		return complain(&err);
	clock_format(made.head.made_wall_ms, text);
	printf("%s: %llu bytes, revision %llu, %llu objects, made %s\n", path,
	       (unsigned long long)made.size_bytes, (unsigned long long)made.head.revision,
	       (unsigned long long)made.head.objects, text);
	if (!made.head.is_sealed)
		warn_of_keys(path);
	return OPTIONS_EXIT_OK;
}

static int backup(const struct options *options, const struct settings *settings, const char *path,
		  struct span passphrase)
{
	struct err err = { 0 };
	int lock = -1, code, exit_code;

	if (access(settings->data_dir, F_OK)) { /* taking the lock would make it */
		(void)err_set(&err, -errno, "%s: %s", settings->data_dir, strerror(errno));
		return complain(&err);
	}
	code = file_lock_dir(settings->data_dir, 0700, &lock);
	if (code == -EBUSY)
		return ask_hub(options, path, passphrase);
	if (code) {
		(void)err_set(&err, code, "%s: %s", settings->data_dir, strerror(-code));
		return complain(&err);
	}
	exit_code = backup_here(settings, path, passphrase);
	(void)close(lock);
	return exit_code;
}

int operate_backup(const struct options *options, const struct settings *settings)
{
	char path[PATH_MAX];
	struct buf passphrase;
	struct err err = { 0 };
	int exit_code;

	if (file_absolute(options_argument(options, 0), path, sizeof(path))) {
		fprintf(stderr, "cloud-hub: the backup's name is too long\n");
		return OPTIONS_EXIT_USAGE;
	}
	if (options_given(options, "verify"))
		return verify(options, path);
	if (read_passphrase(options, &passphrase, &err))
		exit_code = complain(&err);
	else
		exit_code = backup(options, settings, path, buf_span(&passphrase));
	passphrase_wipe(&passphrase);
	return exit_code;
}
