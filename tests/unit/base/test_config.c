#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "tests/tools/failmalloc.h"

struct door {
	char *name;
	int64_t width;
	struct config_list keys;
};
struct settings {
	char *name, *note;
	bool on;
	int64_t port;
	uint64_t timeout_ms, cache_bytes;
	struct config_list hosts;
	struct config_objects doors;
};

#define AT(member) offsetof(struct settings, member)
#define ROW(path_, type_, at_, min_, max_, fallback_, help_)                           \
	{                                                                              \
		.path = path_, .type = type_, .offset = at_, .min = min_, .max = max_, \
		.fallback = fallback_, .help = help_                                   \
	}
#define AT_DOOR(member) offsetof(struct door, member)
static const struct config_field door_fields[] = {
	ROW("name", CONFIG_TEXT, AT_DOOR(name), 0, 0, NULL, "what is written on it"),
	ROW("width", CONFIG_INT, AT_DOOR(width), 1, 9, "2", "in steps"),
	ROW("keys", CONFIG_LIST, AT_DOOR(keys), 0, 0, NULL, "what opens it"),
};

static int check_door(const void *items, size_t count, struct err *err)
{
	const struct door *doors = items, *last = &doors[count - 1];

	if (!last->name)
		return err_set(err, -EINVAL, "it has no name");
	for (size_t i = 0; i + 1 < count; i++)
		if (strcmp(doors[i].name, last->name) == 0)
			return err_set(err, -EINVAL, "another is called %s", last->name);
	return 0;
}

static const struct config_items doors = {
	.table = { door_fields, sizeof(door_fields) / sizeof(door_fields[0]) },
	.size = sizeof(struct door),
	.max = 3,
	.check = check_door,
};

static const struct config_field fields[] = {
	ROW("name", CONFIG_TEXT, AT(name), 0, 0, "unnamed", "its name"),
	ROW("note", CONFIG_TEXT, AT(note), 0, 0, NULL, "anything"),
	ROW("api.on", CONFIG_BOOL, AT(on), 0, 0, "true", "serve it"),
	ROW("api.port", CONFIG_INT, AT(port), 1, 65535, "6443", "its port"),
	ROW("link.timeout", CONFIG_DURATION, AT(timeout_ms), 1000, 60000, "40s", "patience"),
	ROW("link.cache", CONFIG_SIZE, AT(cache_bytes), 0, 0, "64Mi", "memory"),
	ROW("link.hosts", CONFIG_LIST, AT(hosts), 0, 0, "a, b", "whom to dial"),
	{ .path = "house.doors",
	  .type = CONFIG_OBJECTS,
	  .offset = AT(doors),
	  .help = "ways in",
	  .items = &doors },
};
static const struct config_table table = { fields, sizeof(fields) / sizeof(fields[0]) };

static void read_good(const char *text, struct settings *out)
{
	struct err err = { 0 };

	if (config_parse(&table, span_of(text), "f", out, &err))
		fail_msg("%s: %s", text, err_text(&err));
}

static void assert_bad(const char *text, const char *message)
{
	struct settings settings;
	struct err err = { 0 };

	assert_int_equal(config_parse(&table, span_of(text), "f", &settings, &err), -EINVAL);
	assert_string_equal(err_text(&err), message);
	assert_null(settings.name);
	assert_null(settings.hosts.items);
	assert_null(settings.doors.items);
}

static void assert_defaults(const struct settings *settings)
{
	assert_string_equal(settings->name, "unnamed");
	assert_null(settings->note);
	assert_true(settings->on);
	assert_int_equal(settings->port, 6443);
	assert_int_equal(settings->timeout_ms, 40000);
	assert_int_equal(settings->cache_bytes, 64u << 20);
	assert_int_equal(settings->hosts.count, 2);
	assert_string_equal(settings->hosts.items[1], "b");
}

static void what_the_file_leaves_out_has_its_default(void **state)
{
	static const char *const cases[] = { "", "# only a comment\n", "---\n", "api:\nlink: {}\n", "{}" };
	struct settings settings;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		read_good(cases[i], &settings);
		assert_defaults(&settings);
		config_done(&table, &settings);
	}
}

static void every_type_is_read(void **state)
{
	struct settings settings;

	read_good("name: \"edge 1\"\napi: {on: false, port: 80}\nlink:\n  timeout: 1m\n  cache: 2Gi\n"
		  "  hosts:\n    - x:1\n    - y:2\n    - z:3\nnote: ''\n",
		  &settings);
	assert_string_equal(settings.name, "edge 1");
	assert_string_equal(settings.note, "");
	assert_false(settings.on);
	assert_int_equal(settings.port, 80);
	assert_int_equal(settings.timeout_ms, 60000);
	assert_int_equal(settings.cache_bytes, 2ull << 30);
	assert_int_equal(settings.hosts.count, 3);
	assert_string_equal(settings.hosts.items[2], "z:3");
	config_done(&table, &settings);
}

static void errors_name_file_line_and_key(void **state)
{
	assert_bad("name: x\napi:\n  prot: 80\n", "f:3: unknown key 'api.prot'");
	assert_bad("nmae: x\n", "f:1: unknown key 'nmae'");
	assert_bad("api.port: 80\n", "f:1: unknown key 'api.port'");
	assert_bad("api:\n  port: 0\n", "f:2: 'api.port' is out of range, allowed: 1 to 65535");
	assert_bad("api:\n  port: 99999999999999999999\n",
		   "f:2: 'api.port' is out of range, allowed: 1 to 65535");
	assert_bad("api:\n  port: eighty\n", "f:2: 'api.port' must be a whole number, not 'eighty'");
	assert_bad("api:\n  on: yes\n", "f:2: 'api.on' must be true or false, not 'yes'");
	assert_bad("link:\n  timeout: 40\n",
		   "f:2: 'link.timeout' must be a duration such as 500ms, 40s or 1h30m, not '40'");
	assert_bad("link:\n  timeout: 1h\n", "f:2: 'link.timeout' is out of range, allowed: 1s to 1m");
	assert_bad("link:\n  cache: big\n",
		   "f:2: 'link.cache' must be a size such as 4096, 64Mi or 2Gi, not 'big'");
	assert_bad("link:\n  hosts: x\n", "f:2: expected a list for 'link.hosts'");
	assert_bad("link:\n  hosts:\n    - [x]\n", "f:3: expected text for each item of 'link.hosts'");
	assert_bad("name: [x]\n", "f:1: expected one value for 'name'");
	assert_bad("name:\n", "f:1: no value for 'name'");
	assert_bad("name: a\n\nname: b\n", "f:3: key given twice: 'name'");
	assert_bad("api: 80\n", "f:1: expected keys under 'api'");
	assert_bad("- a\n", "f:1: expected keys with values");
	assert_bad("name: a\n---\nname: b\n", "f:2: more than one document");
	assert_bad("? [a]\n: b\n", "f:1: expected a key under ''");
	assert_bad("name: &a x\nnote: *a\n", "f:2: expected one value for 'note'");
}

static void items_of_a_list_have_keys_of_their_own(void **state)
{
	struct settings settings;
	const struct door *read;

	read_good("house:\n  doors:\n    - name: front\n      width: 3\n    - {keys: [a, b], name: back}\n",
		  &settings);
	read = settings.doors.items;
	assert_int_equal(settings.doors.count, 2);
	assert_string_equal(read[0].name, "front");
	assert_int_equal(read[0].width, 3);
	assert_int_equal(read[0].keys.count, 0);
	assert_string_equal(read[1].name, "back");
	assert_int_equal(read[1].width, 2);
	assert_string_equal(read[1].keys.items[1], "b");
	config_done(&table, &settings);
	assert_null(settings.doors.items);
	read_good("house: {doors: []}\n", &settings);
	assert_int_equal(settings.doors.count, 0);
	config_done(&table, &settings);
}

static void errors_in_an_item_say_which(void **state)
{
	struct settings settings;
	struct err err = { 0 };

	assert_bad("house:\n  doors:\n    - name: a\n    - name: b\n      wdith: 3\n",
		   "f:5: unknown key 'house.doors[1].wdith'");
	assert_bad("house:\n  doors:\n    - name: a\n      width: 10\n",
		   "f:4: 'house.doors[0].width' is out of range, allowed: 1 to 9");
	assert_bad("house:\n  doors:\n    - name: a\n      width: x\n",
		   "f:4: 'house.doors[0].width' must be a whole number, not 'x'");
	assert_bad("house:\n  doors:\n    - name: a\n      name: b\n",
		   "f:4: key given twice: 'house.doors[0].name'");
	assert_bad("house:\n  doors:\n    - width: 1\n", "f:3: 'house.doors[0]': it has no name");
	assert_bad("house:\n  doors:\n    - name: a\n    - name: a\n",
		   "f:4: 'house.doors[1]': another is called a");
	assert_bad("house:\n  doors:\n    - a\n",
		   "f:3: expected keys with values for each item of 'house.doors'");
	assert_bad("house:\n  doors: a\n", "f:2: expected a list for 'house.doors'");
	assert_bad("house:\n  doors: {name: a}\n", "f:2: expected a list for 'house.doors'");
	assert_bad("house:\n  doors: [{name: a}, {name: b}, {name: c}, {name: d}]\n",
		   "f:2: too many items in 'house.doors'");
	assert_bad("house:\n  doors: [{name: a}]\n  doors: []\n", "f:3: key given twice: 'house.doors'");
	assert_int_equal(config_defaults(&table, &settings, &err), 0);
	assert_int_equal(config_set(&table, &settings, "house.doors", "a", &err), -EINVAL);
	assert_string_equal(err_text(&err), "'house.doors' must be set in a configuration file, not 'a'");
	config_done(&table, &settings);
}

static void broken_yaml_is_refused_with_its_line(void **state)
{
	struct settings settings;
	struct err err = { 0 };

	assert_int_equal(config_parse(&table, SPAN("name: x\napi: {port: 80\n"), "f", &settings, &err),
			 -EINVAL);
	assert_true(strncmp(err_text(&err), "f:3: ", 5) == 0);
	assert_int_equal(config_parse(&table, SPAN("name: \xff\n"), "f", &settings, &err), -EINVAL);
	assert_int_equal(config_parse(&table, SPAN("name: a\0b\n"), "f", &settings, &err), -EINVAL);
}

static void a_missing_or_huge_file_is_told_by_name(void **state)
{
	char name[] = "/tmp/holdfast-config-XXXXXX";
	int fd = mkstemp(name);
	struct settings settings;
	struct err err = { 0 };

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "name: disk\n", 11), 11);
	assert_int_equal(config_load(&table, name, &settings, &err), 0);
	assert_string_equal(settings.name, "disk");
	config_done(&table, &settings);
	assert_int_equal(ftruncate(fd, CONFIG_MAX_BYTES + 1), 0);
	assert_int_equal(config_load(&table, name, &settings, &err), -EFBIG);
	assert_int_equal(ftruncate(fd, 64 * CONFIG_MAX_BYTES), 0);
	assert_int_equal(config_load(&table, name, &settings, &err), -EFBIG);
	(void)close(fd);
	(void)unlink(name);
	assert_int_equal(config_load(&table, name, &settings, &err), -ENOENT);
	assert_non_null(strstr(err_text(&err), name));
	assert_int_equal(config_load(&table, "/tmp", &settings, &err), -EISDIR);
	config_done(&table, &settings);
}

static void the_command_line_overrides(void **state)
{
	struct settings settings;
	struct err err = { 0 };

	assert_int_equal(config_defaults(&table, &settings, &err), 0);
	assert_int_equal(config_set(&table, &settings, "api.port", "81", &err), 0);
	assert_int_equal(config_set(&table, &settings, "link.hosts", "p,q ,r", &err), 0);
	assert_int_equal(settings.port, 81);
	assert_int_equal(settings.hosts.count, 3);
	assert_string_equal(settings.hosts.items[1], "q");
	assert_int_equal(config_set(&table, &settings, "api.port", "x", &err), -EINVAL);
	assert_int_equal(settings.port, 81);
	assert_int_equal(config_set(&table, &settings, "api.x", "x", &err), -EINVAL);
	assert_string_equal(err_text(&err), "unknown key 'api.x'");
	config_done(&table, &settings);
}

static void the_sample_reads_back_as_the_defaults(void **state)
{
	struct settings settings;
	struct buf text;

	buf_init(&text, 10000);
	assert_int_equal(config_sample(&table, &text), 0);
	read_good(buf_cstr(&text), &settings);
	assert_defaults(&settings);
	config_done(&table, &settings);
	buf_done(&text);
}

static int parse_once(void *ctx)
{
	struct settings settings;
	int rc = config_parse(&table,
			      SPAN("name: x\nnote: y\nlink:\n  hosts: [a, b, c]\napi: {port: 1}\n"
				   "house: {doors: [{name: a, keys: [k]}, {name: b}]}\n"),
			      "f", &settings, NULL);

	if (rc && (settings.name || settings.hosts.items || settings.doors.items))
		rc = -EPROTO;
	config_done(&table, &settings);
	return rc;
}

static void memory_running_out_is_reported(void **state)
{
	assert_true(failmalloc_walk(parse_once, NULL) > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_file_leaves_out_has_its_default),
		cmocka_unit_test(every_type_is_read),
		cmocka_unit_test(errors_name_file_line_and_key),
		cmocka_unit_test(items_of_a_list_have_keys_of_their_own),
		cmocka_unit_test(errors_in_an_item_say_which),
		cmocka_unit_test(broken_yaml_is_refused_with_its_line),
		cmocka_unit_test(a_missing_or_huge_file_is_told_by_name),
		cmocka_unit_test(the_command_line_overrides),
		cmocka_unit_test(the_sample_reads_back_as_the_defaults),
		cmocka_unit_test(memory_running_out_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
