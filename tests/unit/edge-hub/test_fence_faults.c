/* Every allocation of what fencing reads and writes on the disk fails once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "edge-hub/fence/kept.h"
#include "edge-hub/fence/record.h"
#include "tests/tools/failmalloc.h"

#define POD "/kubepods/burstable/pod0b1c2d3e-1"

static char dir[64], kept_path[96], record_path[96];
static struct record record;

/* The record is written and read without memory; what is kept says no rather than something else. */
static int whole(void *ctx)
{
	const struct record_head head = { true, 5, 6 };
	struct record_writer writer;
	struct kept kept, again;
	int fd = -1, code;

	unlink(kept_path);
	code = kept_open(dir, &kept);
	if (!code)
		code = kept_set_off(&kept, true);
	if (!code)
		code = kept_set_settled(&kept, "east", 7);
	if (!code)
		code = kept_open(dir, &again);
	if (!code && again.settled && again.settled != 7)
		return -EBADMSG;
	if (!code && (!again.is_off || again.settled != 7))
		code = -ENOMEM; /* it could not be read */
	if (!code)
		code = record_open(record_path, &fd);
	if (code)
		return code;
	record_writer_init(&writer, fd, "boot");
	if (record_write_groups(&writer, span_make(POD, sizeof(POD))) || record_write_head(&writer, &head) ||
	    record_read(fd, "boot", &record) || record.head.proof_ms != 5)
		code = -EIO;
	close(fd);
	return code;
}

static void nothing_wrong_is_kept_for_want_of_memory(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/holdfast-fence-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(kept_path, sizeof(kept_path), "%s/" KEPT_FILE, dir);
	snprintf(record_path, sizeof(record_path), "%s/record", dir);
	assert_true(failmalloc_walk(whole, NULL) > 1);
	unlink(kept_path);
	unlink(record_path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_wrong_is_kept_for_want_of_memory) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
