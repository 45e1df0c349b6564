#include "edge-hub/node/facts.h"

#include "base/buf.h"
#include "base/files.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#define FILE_MAX (256u * 1024)
#define ANY_PUBLIC_ADDRESS "192.0.2.1" /* TEST-NET-1 (RFC 5737): routed like any other, and nothing is sent */

/* --- reading small files --- */

static int read_under(const char *root, const char *path, struct buf *out)
{
	char full[PATH_MAX];
	int len = snprintf(full, sizeof(full), "%s%s", root, path);

	if (len < 0 || (size_t)len >= sizeof(full))
		return -ENAMETOOLONG;
	buf_reset(out);
	return file_read(full, out);
}

/* The first line without its end; out becomes "" when there is no such file. */
static void read_line(const char *root, const char *path, char *out, size_t size)
{
	struct span line, rest;
	struct buf text;

	buf_init(&text, FILE_MAX);
	out[0] = '\0';
	if (read_under(root, path, &text) == 0) {
		(void)span_cut(buf_span(&text), '\n', &line, &rest);
		line = span_trim(line);
		while (line.len && line.ptr[line.len - 1] == '\0') /* device tree strings end so */
			line.len--;
		if (span_copy(line, out, size))
			out[0] = '\0';
	}
	buf_done(&text);
}

/* The number in a line "Name:   123 kB" of /proc/meminfo, in bytes. -ENOENT. */
static int meminfo(struct span text, const char *name, uint64_t *out)
{
	struct span line, label, value;

	while (text.len) {
		(void)span_cut(text, '\n', &line, &text);
		if (!span_cut(line, ':', &label, &value) || !span_is(label, name))
			continue;
		(void)span_cut(span_trim(value), ' ', &value, &line);
		if (span_to_u64(value, out))
			return -EINVAL;
		*out *= 1024;
		return 0;
	}
	return -ENOENT;
}

/* PRETTY_NAME of os-release(5), quotes taken off. */
static void read_os(const char *root, char *out, size_t size)
{
	struct span text, line, name, value;
	struct buf file;

	buf_init(&file, FILE_MAX);
	out[0] = '\0';
	if (read_under(root, "/etc/os-release", &file) && read_under(root, "/usr/lib/os-release", &file))
		buf_reset(&file);
	text = buf_span(&file);
	while (text.len) {
		(void)span_cut(text, '\n', &line, &text);
		if (!span_cut(line, '=', &name, &value) || !span_is(name, "PRETTY_NAME"))
			continue;
		if (value.len > 1 && (value.ptr[0] == '"' || value.ptr[0] == '\''))
			value = span_make(value.ptr + 1, value.len - 2);
		if (span_copy(value, out, size))
			out[0] = '\0';
	}
	buf_done(&file);
}

/* Processors in /proc/cpuinfo, which a fixture can show; the kernel's own count where it lists none. */
static unsigned count_cpus(const char *root)
{
	struct span text, line, label, value;
	struct buf file;
	unsigned count = 0;

	buf_init(&file, FILE_MAX * 4);
	if (read_under(root, "/proc/cpuinfo", &file) == 0) {
		text = buf_span(&file);
		while (text.len) {
			(void)span_cut(text, '\n', &line, &text);
			if (span_cut(line, ':', &label, &value) && span_is(span_trim(label), "processor"))
				count++;
		}
	}
	buf_done(&file);
	if (!count && !root[0]) {
		long online = sysconf(_SC_NPROCESSORS_ONLN);

		count = online > 0 ? (unsigned)online : 0;
	}
	return count;
}

/* uname's machine as Go names it. */
static const char *go_arch(const char *machine)
{
	static const struct {
		const char *machine, *go;
	} names[] = {
		{ "x86_64", "amd64" }, { "aarch64", "arm64" },	 { "armv7l", "arm" },
		{ "armv6l", "arm" },   { "armv8l", "arm" },	 { "i686", "386" },
		{ "i386", "386" },     { "riscv64", "riscv64" }, { "ppc64le", "ppc64le" },
		{ "s390x", "s390x" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].machine, machine) == 0)
			return names[i].go;
	return machine;
}

static void read_uuid(const char *root, char *out, size_t size)
{
	read_line(root, "/sys/class/dmi/id/product_uuid", out, size);
	if (!out[0])
		read_line(root, "/sys/hypervisor/uuid", out, size);
	if (!out[0])
		read_line(root, "/proc/device-tree/serial-number", out, size); /* boards without SMBIOS */
}

int node_facts_read(const char *root, const char *disk, struct node_facts *out, struct err *err)
{
	struct statvfs fs;
	struct utsname name;
	struct buf text;
	int code;

	memset(out, 0, sizeof(*out));
	buf_init(&text, FILE_MAX);
	code = read_under(root, "/proc/meminfo", &text);
	if (!code)
		code = meminfo(buf_span(&text), "MemTotal", &out->memory_bytes);
	buf_done(&text);
	if (code)
		return err_set(err, -EIO, "reading this machine's memory from /proc/meminfo: %s",
			       strerror(-code));
	out->cpus = count_cpus(root);
	if (!out->cpus)
		return err_set(err, -EIO, "reading this machine's processors from /proc/cpuinfo: none found");
	if (statvfs(disk, &fs) == 0)
		out->disk_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
	read_line(root, "/etc/machine-id", out->machine_id, sizeof(out->machine_id));
	read_uuid(root, out->system_uuid, sizeof(out->system_uuid));
	read_line(root, "/proc/sys/kernel/random/boot_id", out->boot_id, sizeof(out->boot_id));
	read_os(root, out->os_image, sizeof(out->os_image));
	if (uname(&name) == 0) {
		snprintf(out->kernel, sizeof(out->kernel), "%s", name.release);
		snprintf(out->architecture, sizeof(out->architecture), "%s", go_arch(name.machine));
		snprintf(out->hostname, sizeof(out->hostname), "%s", name.nodename);
	}
	return 0;
}

int node_pressure_read(const char *root, const char *disk, struct node_pressure *out)
{
	char number[32];
	struct statvfs fs;
	struct span field, rest;
	struct buf text;
	int code;

	memset(out, 0, sizeof(*out));
	buf_init(&text, FILE_MAX);
	code = read_under(root, "/proc/meminfo", &text);
	if (!code)
		code = meminfo(buf_span(&text), "MemAvailable", &out->memory_available_bytes);
	/* "0.00 0.01 0.05 1/123 4567": running and all scheduling entities (proc(5)) */
	if (!code && read_under(root, "/proc/loadavg", &text) == 0) {
		rest = buf_span(&text);
		for (int i = 0; i < 4; i++)
			(void)span_cut(rest, ' ', &field, &rest);
		if (span_cut(field, '/', &rest, &field) && span_to_u64(field, &out->pids_used))
			out->pids_used = 0;
	}
	buf_done(&text);
	read_line(root, "/proc/sys/kernel/pid_max", number, sizeof(number));
	if (span_to_u64(span_of(number), &out->pids_max))
		out->pids_max = 0;
	if (statvfs(disk, &fs) == 0) {
		out->disk_total_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
		out->disk_available_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
		out->disk_inodes = fs.f_files;
		out->disk_inodes_free = fs.f_ffree;
	}
	return code;
}

/* --- the way out --- */

static int source_address(const struct addrinfo *to, char *out, size_t size)
{
	struct sockaddr_storage local;
	socklen_t len = sizeof(local);
	int fd = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), code = -ENETUNREACH;

	if (fd < 0)
		return -errno;
	/* Connecting a datagram socket chooses route and source address, and sends nothing. */
	if (connect(fd, to->ai_addr, to->ai_addrlen) == 0 &&
	    getsockname(fd, (struct sockaddr *)&local, &len) == 0 &&
	    getnameinfo((struct sockaddr *)&local, len, out, (socklen_t)size, NULL, 0, NI_NUMERICHOST) == 0)
		code = 0;
	close(fd);
	return code;
}

int node_address(const char *toward, char *out, unsigned long out_size)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM }, *to = NULL;
	int code;

	if (getaddrinfo(toward ? toward : ANY_PUBLIC_ADDRESS, "9", &hints, &to))
		return -EINVAL;
	code = source_address(to, out, out_size);
	freeaddrinfo(to);
	return code;
}
