/* The node's facts, from fixtures and from this machine, and its conditions. */
#include "base/files.h"
#include "base/json.h"
#include "edge-hub/node/node_status.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define WALL 1700000000000LL

static const struct {
	const char *path, *content;
} board[] = {
	{ "/proc/meminfo",
	  "MemTotal:         949576 kB\nMemFree:          1 kB\nMemAvailable:     700000 kB\n" },
	{ "/proc/cpuinfo", "processor\t: 0\nmodel name\t: ARMv7\n\nprocessor\t: 1\n\nprocessor : "
			   "2\nprocessor: 3\nHardware\t: BCM2711\n" },
	{ "/proc/loadavg", "0.52 0.58 0.59 2/345 6789\n" },
	{ "/proc/sys/kernel/random/boot_id", "b00t-1d\n" },
	{ "/proc/sys/kernel/pid_max", "32768\n" },
	{ "/proc/device-tree/serial-number", "100000001234" },
	{ "/etc/machine-id", "0123456789abcdef0123456789abcdef\n" },
	{ "/etc/os-release", "ID=raspbian\nPRETTY_NAME=\"Raspbian GNU/Linux 12 (bookworm)\"\n" },
};

static char root[64];

static int make_board(void **state)
{
	char path[256];

	(void)state;
	snprintf(root, sizeof(root), "/tmp/holdfast-node-XXXXXX");
	assert_non_null(mkdtemp(root));
	for (size_t i = 0; i < sizeof(board) / sizeof(board[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", root, board[i].path);
		assert_int_equal(file_write(path, span_of(board[i].content), 0600), 0);
	}
	return 0;
}

static void remove_up(const char *path)
{
	char full[256], *slash;

	snprintf(full, sizeof(full), "%s%s", root, path);
	(void)unlink(full);
	while ((slash = strrchr(full, '/')) && slash > full + strlen(root) - 1 &&
	       strlen(full) > strlen(root)) {
		*slash = '\0';
		(void)rmdir(full);
	}
}

static int remove_board(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(board) / sizeof(board[0]); i++)
		remove_up(board[i].path);
	return rmdir(root) && errno != ENOENT ? -1 : 0;
}

static void test_facts_of_a_board_are_read_as_it_states_them(void **state)
{
	struct node_facts facts;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(node_facts_read(root, "/", &facts, &err), 0);
	assert_int_equal(facts.cpus, 4);
	assert_true(facts.memory_bytes == 949576ull * 1024);
	assert_string_equal(facts.machine_id, "0123456789abcdef0123456789abcdef");
	assert_string_equal(facts.boot_id, "b00t-1d");
	assert_string_equal(facts.system_uuid, "100000001234");
	assert_string_equal(facts.os_image, "Raspbian GNU/Linux 12 (bookworm)");
}

static void test_a_machine_without_meminfo_says_so(void **state)
{
	struct node_facts facts;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(node_facts_read("/nowhere", "/", &facts, &err), -EIO);
	assert_non_null(strstr(err.msg, "/proc/meminfo"));
}

static void test_this_machine_has_facts_and_an_address(void **state)
{
	struct node_facts facts;
	struct node_pressure pressure;
	struct err err = { 0 };
	char address[64];

	(void)state;
	assert_int_equal(node_facts_read("", "/", &facts, &err), 0);
	assert_true(facts.cpus >= 1 && facts.disk_bytes > 0 && facts.boot_id[0] && facts.kernel[0]);
	assert_int_equal(node_pressure_read("", "/", &pressure), 0);
	assert_true(pressure.memory_available_bytes > 0 && pressure.pids_used > 0 && pressure.pids_max > 0);
	assert_int_equal(node_address("127.0.0.1", address, sizeof(address)), 0);
	assert_string_equal(address, "127.0.0.1");
	assert_int_equal(node_address("not-an-address", address, sizeof(address)), -EINVAL);
}

/* --- conditions --- */

struct sample {
	struct node_facts facts;
	struct node_pressure pressure;
	struct node_input input;
	struct node_status status;
};

static void healthy(struct sample *s)
{
	memset(s, 0, sizeof(*s));
	s->facts = (struct node_facts){
		.cpus = 2, .memory_bytes = 2ull << 30, .disk_bytes = 10ull << 30, .hostname = "box"
	};
	s->pressure = (struct node_pressure){ .memory_available_bytes = 1ull << 30,
					      .disk_available_bytes = 5ull << 30,
					      .disk_total_bytes = 10ull << 30,
					      .disk_inodes = 1000,
					      .disk_inodes_free = 900,
					      .pids_used = 100,
					      .pids_max = 32768 };
	s->input = (struct node_input){ .facts = &s->facts,
					.pressure = &s->pressure,
					.node_name = "edge-1",
					.internal_ip = "10.0.0.1",
					.runtime_version = "containerd://1.6.20",
					.runtime_up = true,
					.runtime_ready = true,
					.network_ready = true,
					.runtime_message = "",
					.wall_ms = WALL };
	node_status_init(&s->status);
}

static bool step(struct sample *s)
{
	bool changed = false;

	assert_int_equal(node_status_step(&s->status, &s->input, &changed), 0);
	return changed;
}

static struct json *render(struct sample *s)
{
	struct json *tree = NULL;
	struct buf text;

	buf_init(&text, 1 << 18);
	assert_int_equal(node_object_write(&s->status, &s->input, "a=b", &text), 0);
	assert_int_equal(json_parse(buf_span(&text), &tree, NULL), 0);
	buf_done(&text);
	return tree;
}

static const char *status_of(const struct json *node, const char *type, const char *field)
{
	const struct json *list = json_path(node, "status.conditions");

	for (size_t i = 0; i < json_count(list); i++)
		if (strcmp(json_path_str(json_at(list, i), "type", ""), type) == 0)
			return json_path_str(json_at(list, i), field, "");
	return "";
}

static void test_a_healthy_node_is_ready_and_says_it_once(void **state)
{
	struct sample s;
	struct json *node;

	(void)state;
	healthy(&s);
	assert_true(step(&s));
	s.input.wall_ms += 10000;
	s.pressure.memory_available_bytes -= 12345;
	assert_false(step(&s)); /* nothing that a reader would care about */
	node = render(&s);
	assert_string_equal(status_of(node, "Ready", "status"), "True");
	assert_string_equal(status_of(node, "Ready", "lastTransitionTime"), "2023-11-14T22:13:20Z");
	assert_string_equal(json_path_str(node, "status.capacity.memory", ""), "2097152Ki");
	assert_string_equal(json_path_str(node, "status.addresses.0.address", ""), "10.0.0.1");
	assert_string_equal(json_str(json_get(json_path(node, "metadata.labels"), "a"), ""), "b");
	json_free(node);
}

static void test_a_silent_runtime_makes_the_node_not_ready_with_a_reason(void **state)
{
	struct sample s;
	struct json *node;

	(void)state;
	healthy(&s);
	(void)step(&s);
	s.input.runtime_up = false;
	s.input.runtime_message = "no answer from /run/containerd/containerd.sock";
	s.input.wall_ms += 5000;
	assert_true(step(&s));
	node = render(&s);
	assert_string_equal(status_of(node, "Ready", "status"), "False");
	assert_string_equal(status_of(node, "Ready", "reason"), "ContainerRuntimeDown");
	assert_string_equal(status_of(node, "Ready", "lastTransitionTime"), "2023-11-14T22:13:25Z");
	json_free(node);
}

static void test_pressure_is_believed_at_once_and_its_end_only_when_it_lasts(void **state)
{
	struct sample s;

	(void)state;
	healthy(&s);
	(void)step(&s);
	s.pressure.memory_available_bytes = 50u << 20;
	assert_true(step(&s));
	assert_int_equal(s.status.conditions[NODE_MEMORY_PRESSURE].value, 1);
	s.pressure.memory_available_bytes = 1u << 30;
	s.input.wall_ms += 1000;
	assert_false(step(&s));
	assert_int_equal(s.status.conditions[NODE_MEMORY_PRESSURE].value, 1);
	s.input.wall_ms += 61000;
	assert_true(step(&s));
	assert_int_equal(s.status.conditions[NODE_MEMORY_PRESSURE].value, 0);
}

static void test_what_the_checks_say_is_a_condition_and_leaves_ready_alone(void **state)
{
	struct sample s;
	struct json *node;

	(void)state;
	healthy(&s);
	s.input.checks_failing = -1;
	(void)step(&s);
	node = render(&s);
	assert_string_equal(status_of(node, "ChecksFailing", "type"), ""); /* nothing is known yet */
	json_free(node);
	s.input.checks_failing = 1;
	s.input.checks_reason = "PlcFailing";
	s.input.checks_message = "score 50 of 100; plc: Connection refused";
	s.input.wall_ms += 5000;
	assert_true(step(&s));
	assert_false(step(&s));
	node = render(&s);
	assert_string_equal(status_of(node, "ChecksFailing", "status"), "True");
	assert_string_equal(status_of(node, "ChecksFailing", "reason"), "PlcFailing");
	assert_string_equal(status_of(node, "ChecksFailing", "lastTransitionTime"), "2023-11-14T22:13:25Z");
	assert_string_equal(status_of(node, "Ready", "status"), "True");
	json_free(node);
	s.input.checks_failing = -1; /* a new life: what was said stands until there is more to say */
	assert_false(step(&s));
	s.input.checks_failing = 2;
	assert_true(step(&s));
	node = render(&s);
	assert_string_equal(status_of(node, "ChecksFailing", "status"), "Unknown");
	json_free(node);
}

static void test_disk_and_pids_have_their_own_conditions(void **state)
{
	struct sample s;

	(void)state;
	healthy(&s);
	s.pressure.disk_inodes_free = 10;
	s.pressure.pids_used = 32000;
	(void)step(&s);
	assert_int_equal(s.status.conditions[NODE_DISK_PRESSURE].value, 1);
	assert_int_equal(s.status.conditions[NODE_PID_PRESSURE].value, 1);
	assert_int_equal(s.status.conditions[NODE_MEMORY_PRESSURE].value, 0);
	assert_int_equal(s.status.conditions[NODE_READY].value, 1);
}

static void test_transition_times_outlive_a_restart(void **state)
{
	struct sample s;
	struct json *node;
	struct buf text;

	(void)state;
	healthy(&s);
	(void)step(&s);
	buf_init(&text, 1 << 18);
	assert_int_equal(node_object_write(&s.status, &s.input, "", &text), 0);
	node_status_init(&s.status);
	assert_int_equal(node_status_restore(&s.status, buf_span(&text)), 0);
	s.input.wall_ms += 3600000;
	(void)step(&s);
	node = render(&s);
	assert_string_equal(status_of(node, "Ready", "lastTransitionTime"), "2023-11-14T22:13:20Z");
	json_free(node);
	buf_done(&text);
}

static void test_a_small_board_keeps_half_its_memory_for_pods(void **state)
{
	struct node_facts facts = { .cpus = 1, .memory_bytes = 128u << 20, .disk_bytes = 1u << 30 };
	int64_t cpu, memory, disk;

	(void)state;
	node_allocatable(&facts, &cpu, &memory, &disk);
	assert_int_equal(cpu, 1000);
	assert_true(memory == 64 << 20);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_facts_of_a_board_are_read_as_it_states_them, make_board,
						remove_board),
		cmocka_unit_test(test_a_machine_without_meminfo_says_so),
		cmocka_unit_test(test_this_machine_has_facts_and_an_address),
		cmocka_unit_test(test_a_healthy_node_is_ready_and_says_it_once),
		cmocka_unit_test(test_a_silent_runtime_makes_the_node_not_ready_with_a_reason),
		cmocka_unit_test(test_pressure_is_believed_at_once_and_its_end_only_when_it_lasts),
		cmocka_unit_test(test_what_the_checks_say_is_a_condition_and_leaves_ready_alone),
		cmocka_unit_test(test_disk_and_pids_have_their_own_conditions),
		cmocka_unit_test(test_transition_times_outlive_a_restart),
		cmocka_unit_test(test_a_small_board_keeps_half_its_memory_for_pods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
