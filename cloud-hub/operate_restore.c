#include "base/clock.h"
#include "base/files.h"
#include "cloud-hub/backup/passphrase.h"
#include "cloud-hub/backup/restore.h"
#include "cloud-hub/operate_backup.h"

#include <inttypes.h>
#include <stdio.h>

static void tell_revocations(const struct restore_report *report, const char *made)
{
	const struct restored_counts *counts = &report->counts;

	if (report->replaced && !report->revocations.code)
		printf("  %" PRIu64 " node(s) and %" PRIu64
		       " user certificate(s) that were revoked or replaced since stay so, as the cluster "
		       "before had it\n",
		       counts->revoked_nodes, counts->revoked_users);
	else if (report->replaced)
		printf("  NOT KNOWN: who was revoked after %s; the cluster before could not be asked: %s\n"
		       "     revoke again: cloud-hub node revoke, cloud-hub user revoke\n",
		       made, err_text(&report->revocations));
	else
		printf("  NOT KNOWN: who was revoked after %s\n"
		       "     revoke again: cloud-hub node revoke, cloud-hub user revoke\n",
		       made);
}

static void tell(const struct restore_options *options, const struct restore_report *report)
{
	const struct restored_counts *counts = &report->counts;
	char made[CLOCK_TEXT_SIZE];

	clock_format(report->head.made_wall_ms, made);
	printf("%s: as it was at %s, %" PRIu64 " objects, revision %" PRIu64 "\n", options->vault.data_dir,
	       made, report->head.objects, report->head.revision);
	printf("  revisions go on at %" PRIu64 ", so that no client takes the new for the old\n",
	       report->revision);
	printf("  %" PRIu64 " join token(s) are void: make new ones with cloud-hub token create\n",
	       counts->tokens);
	printf("  %" PRIu64
	       " node(s) are left alone by the controllers until they have reported what they run\n",
	       counts->nodes);
	tell_revocations(report, made);
	if (report->has_config)
		printf("  the configuration of that time is in %s/" RESTORE_CONFIG "\n",
		       options->vault.data_dir);
	if (report->before[0])
		printf("  what was there before is in %s\n", report->before);
	printf("next: cloud-hub run; then cloud-hub node list (nodes that joined after %s wait to be "
	       "confirmed) and cloud-hub orphan "
	       "list\n",
	       made);
}

/* Without slashes at the end: names are made beside it. */
static void strip(char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
}

int operate_restore(const struct options *options, const struct settings *settings)
{
	char dir[PATH_MAX], file[PATH_MAX];
	const char *passphrase_file = options_get(options, "passphrase-file");
	struct restore_options how = { .vault = { .data_dir = dir,
						  .key_file = settings->secrets_key_file,
						  .wrap = settings->secrets_wrap,
						  .tpm = settings->secrets_tpm },
				       .file = file,
				       .force = options_given(options, "force"),
				       .now_wall_ms = clock_wall_ms() };
	struct restore_report report;
	struct buf passphrase;
	struct err err = { 0 };
	int code;

	if (span_copy(span_of(settings->data_dir), dir, sizeof(dir)) ||
	    file_absolute(options_argument(options, 0), file, sizeof(file))) {
		fprintf(stderr, "cloud-hub: the name is too long\n");
		return OPTIONS_EXIT_USAGE;
	}
	strip(dir);
	buf_init(&passphrase, ARCHIVE_PASSPHRASE_MAX);
	code = passphrase_file ? passphrase_read(passphrase_file, &passphrase, &err) : 0;
	how.passphrase = buf_span(&passphrase);
	if (!code)
		code = restore(&how, &report, &err);
	passphrase_wipe(&passphrase);
	if (code) {
		fprintf(stderr, "cloud-hub: %s\n", err_text(&err));
		return OPTIONS_EXIT_FAILED;
	}
	tell(&how, &report);
	return OPTIONS_EXIT_OK;
}
