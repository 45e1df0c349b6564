/* A vault whose key a TPM seals: with Debian's swtpm, each test with TPMs of its own. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/tpm2.h"
#include "auth/vault.h"
#include "base/files.h"
#include "tests/tools/tempdir.h"

#define START_MS 20000
#define POLL_MS 20

struct tpm {
	char state[96], tcti[64];
	unsigned port;
	pid_t pid;
};
struct place {
	char base[64], vault[96], key[112];
	struct tpm first, second;
};

static int dial(unsigned port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), code;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	code = connect(fd, (struct sockaddr *)&at, sizeof(at));
	close(fd);
	return code;
}

/* Two free ports in a row: the TCTI takes the one after the first for control. */
static bool take_port(unsigned port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), code;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	code = bind(fd, (struct sockaddr *)&at, sizeof(at));
	close(fd);
	return code == 0;
}

static unsigned free_ports(void)
{
	unsigned port = 20000 + 2 * ((unsigned)getpid() % 10000);

	while (!take_port(port) || !take_port(port + 1))
		port = port > 60000 ? 20000 : port + 2;
	return port;
}

static void power_on(struct tpm *tpm)
{
	char state[128], server[96], control[96];

	tpm->port = free_ports();
	(void)snprintf(tpm->tcti, sizeof(tpm->tcti), "swtpm:host=127.0.0.1,port=%u", tpm->port);
	(void)snprintf(state, sizeof(state), "dir=%s", tpm->state);
	(void)snprintf(server, sizeof(server), "type=tcp,port=%u,bindaddr=127.0.0.1", tpm->port);
	(void)snprintf(control, sizeof(control), "type=tcp,port=%u,bindaddr=127.0.0.1", tpm->port + 1);
	tpm->pid = fork();
	assert_true(tpm->pid >= 0);
	if (tpm->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server", server,
		       "--ctrl", control, "--flags", "not-need-init,startup-clear", (char *)NULL);
		_exit(127);
	}
	for (int waited = 0; dial(tpm->port + 1) && waited < START_MS; waited += POLL_MS) {
		assert_int_equal(waitpid(tpm->pid, NULL, WNOHANG), 0);
		usleep(POLL_MS * 1000);
	}
}

static void power_off(struct tpm *tpm)
{
	if (tpm->pid > 0) {
		(void)kill(tpm->pid, SIGTERM);
		(void)waitpid(tpm->pid, NULL, 0);
	}
	tpm->pid = 0;
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	(void)snprintf(p->base, sizeof(p->base), "/tmp/holdfast-tpm2-XXXXXX");
	if (!mkdtemp(p->base))
		return -1;
	(void)snprintf(p->vault, sizeof(p->vault), "%s/vault", p->base);
	(void)snprintf(p->key, sizeof(p->key), "%s/vault/key", p->base);
	(void)snprintf(p->first.state, sizeof(p->first.state), "%s/first", p->base);
	(void)snprintf(p->second.state, sizeof(p->second.state), "%s/second", p->base);
	*state = p;
	if (mkdir(p->first.state, 0700) || mkdir(p->second.state, 0700))
		return -1;
	power_on(&p->first);
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	power_off(&p->first);
	power_off(&p->second);
	(void)tempdir_remove(p->vault);
	(void)tempdir_remove(p->first.state);
	(void)tempdir_remove(p->second.state);
	if (tempdir_remove(p->base))
		return -1;
	free(p);
	return 0;
}

static int seal(const struct tpm *tpm, struct buf *out)
{
	struct err err = { 0 };
	int code;

	buf_init(out, 4096);
	code = tpm2_seal(tpm->tcti, SPAN("thirty-two bytes of a secret key"), out, &err);
	if (code)
		print_message("%s\n", err_text(&err));
	return code;
}

static int unseal(const struct tpm *tpm, struct span sealed, struct err *err)
{
	struct buf plain;
	int code;

	buf_init(&plain, TPM2_SECRET_MAX);
	code = tpm2_unseal(tpm->tcti, sealed, &plain, err);
	if (!code)
		assert_true(span_is(buf_span(&plain), "thirty-two bytes of a secret key"));
	else
		assert_int_equal(plain.len, 0);
	buf_done(&plain);
	return code;
}

static void what_a_tpm_sealed_it_opens_after_a_power_cut_and_no_other_does(void **state)
{
	struct place *p = *state;
	struct err err = { 0 };
	struct buf sealed;

	assert_int_equal(seal(&p->first, &sealed), 0);
	assert_null(memmem(sealed.data, sealed.len, "thirty-two", 10));
	for (int i = 0; i < 10;
	     i++) /* nothing of a call stays in the TPM, whose memory holds three objects */
		assert_int_equal(unseal(&p->first, buf_span(&sealed), &err), 0);
	power_off(&p->first);
	assert_int_equal(unseal(&p->first, buf_span(&sealed), &err), -ENODEV);
	power_on(&p->first);
	assert_int_equal(unseal(&p->first, buf_span(&sealed), &err), 0);
	power_on(&p->second);
	assert_int_equal(unseal(&p->second, buf_span(&sealed), &err), -ENOKEY);
	assert_non_null(strstr(err_text(&err), "another machine's TPM"));
	buf_done(&sealed);
}

static void damage_is_noticed_wherever_it_is(void **state)
{
	struct place *p = *state;
	struct err err = { 0 };
	struct buf sealed, longest;
	char bytes[TPM2_SECRET_MAX + 1] = { 0 };

	assert_int_equal(seal(&p->first, &sealed), 0);
	assert_int_equal(unseal(&p->first, span_make("", 0), &err), -EBADMSG);
	assert_int_equal(unseal(&p->first, span_make(sealed.data, sealed.len - 1), &err), -EBADMSG);
	for (size_t i = 0; i < sealed.len; i += 7) {
		int code;

		sealed.data[i] ^= 1;
		code = unseal(&p->first, buf_span(&sealed), &err);
		assert_true(code == -EBADMSG || code == -ENOKEY);
		sealed.data[i] ^= 1;
	}
	assert_int_equal(unseal(&p->first, buf_span(&sealed), &err), 0);
	buf_init(&longest, 4096);
	assert_int_equal(tpm2_seal(p->first.tcti, span_make(bytes, TPM2_SECRET_MAX), &longest, &err), 0);
	assert_int_equal(tpm2_seal(p->first.tcti, span_make(bytes, sizeof(bytes)), &longest, &err),
			 -EMSGSIZE);
	buf_done(&longest);
	buf_done(&sealed);
}

static int open_vault(const struct place *p, const struct tpm *tpm, const char *wrap, struct vault **out,
		      struct err *err)
{
	struct vault_settings settings = { .data_dir = p->base, .wrap = wrap, .tpm = tpm ? tpm->tcti : NULL };

	return vault_open_data(&settings, out, err);
}

static void expect_wrap(const struct place *p, const struct tpm *tpm, const char *wrap,
			enum vault_wrap expected, struct span sealed)
{
	struct vault_status status;
	struct vault *vault = NULL;
	struct err err = { 0 };
	struct buf plain;

	if (open_vault(p, tpm, wrap, &vault, &err))
		fail_msg("%s", err_text(&err));
	vault_status(vault, &status);
	assert_int_equal(status.wrap, expected);
	assert_int_equal(access(p->key, F_OK), expected == VAULT_FILE ? 0 : -1);
	buf_init(&plain, 100);
	assert_int_equal(vault_unseal(vault, SPAN("b"), sealed, &plain), 0);
	buf_done(&plain);
	vault_free(vault);
}

static void a_vault_is_wrapped_by_the_tpm_and_wrapped_anew_when_that_is_set(void **state)
{
	struct place *p = *state;
	struct vault *vault = NULL;
	struct err err = { 0 };
	struct buf sealed;

	buf_init(&sealed, 100);
	if (open_vault(p, &p->first, "auto", &vault, &err))
		fail_msg("%s", err_text(&err));
	assert_int_equal(vault_seal(vault, SPAN("b"), SPAN("plain"), &sealed), 0);
	assert_int_equal(vault_rotate_begin(vault, &err), 0);
	vault_free(vault);
	expect_wrap(p, &p->first, "auto", VAULT_TPM2, buf_span(&sealed));
	expect_wrap(p, &p->first, "tpm2", VAULT_TPM2, buf_span(&sealed));
	expect_wrap(p, &p->first, "file", VAULT_FILE, buf_span(&sealed));
	expect_wrap(p, NULL, "auto", VAULT_FILE, buf_span(&sealed)); /* as it is, with no TPM any more */
	expect_wrap(p, &p->first, "tpm2", VAULT_TPM2, buf_span(&sealed));
	buf_done(&sealed);
}

static void a_vault_copied_to_another_machine_is_refused_and_stays_as_it_is(void **state)
{
	struct place *p = *state;
	struct vault *vault = NULL;
	struct err err = { 0 };
	struct buf sealed;

	buf_init(&sealed, 100);
	assert_int_equal(open_vault(p, &p->first, "tpm2", &vault, &err), 0);
	assert_int_equal(vault_seal(vault, SPAN("b"), SPAN("plain"), &sealed), 0);
	vault_free(vault);
	power_on(&p->second);
	assert_int_equal(open_vault(p, &p->second, "auto", &vault, &err), -ENOKEY);
	assert_non_null(strstr(err_text(&err), "another machine's TPM"));
	assert_int_equal(open_vault(p, &p->second, "file", &vault, &err), -ENOKEY);
	power_off(&p->second);
	assert_int_equal(open_vault(p, &p->second, "auto", &vault, &err), -ENODEV);
	expect_wrap(p, &p->first, "auto", VAULT_TPM2, buf_span(&sealed));
	buf_done(&sealed);
}

static void without_a_tpm_auto_takes_a_file_and_tpm2_says_so(void **state)
{
	struct place *p = *state;
	struct vault *vault = NULL;
	struct err err = { 0 };
	struct vault_status status;

	power_off(&p->first);
	assert_int_equal(open_vault(p, &p->first, "tpm2", &vault, &err), -ENODEV);
	assert_int_equal(access(p->vault, F_OK), -1);
	assert_int_equal(open_vault(p, &p->first, "auto", &vault, &err), 0);
	vault_status(vault, &status);
	assert_int_equal(status.wrap, VAULT_FILE);
	vault_free(vault);
}

static bool has_swtpm(void)
{
	const char *path = getenv("PATH");
	struct span rest = span_of(path ? path : ""), dir;
	char name[512];

	while (rest.len) {
		(void)span_cut(rest, ':', &dir, &rest);
		(void)snprintf(name, sizeof(name), "%.*s/swtpm", SPAN_ARG(dir));
		if (access(name, X_OK) == 0)
			return true;
	}
	return false;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_a_tpm_sealed_it_opens_after_a_power_cut_and_no_other_does),
		TEST(damage_is_noticed_wherever_it_is),
		TEST(a_vault_is_wrapped_by_the_tpm_and_wrapped_anew_when_that_is_set),
		TEST(a_vault_copied_to_another_machine_is_refused_and_stays_as_it_is),
		TEST(without_a_tpm_auto_takes_a_file_and_tpm2_says_so),
	};
	if (!has_swtpm()) {
		print_message("swtpm is not installed: left out\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
