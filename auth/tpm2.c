#include "auth/tpm2.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_tctildr.h>

#define BLOB_VERSION 1
#define SEALED_MAX 1536u

/* --- the libraries --- */

enum library { LIB_TCTI, LIB_MU, LIB_ESYS, LIBRARIES };
static const char *const library_names[LIBRARIES] = {
	[LIB_TCTI] = "libtss2-tctildr.so.0", [LIB_MU] = "libtss2-mu.so.0", [LIB_ESYS] = "libtss2-esys.so.0"
};

/* clang-format off */
#define FUNCTIONS(X) \
	X(LIB_TCTI, Tss2_TctiLdr_Initialize) X(LIB_TCTI, Tss2_TctiLdr_Finalize) \
	X(LIB_MU, Tss2_MU_TPM2B_PUBLIC_Marshal) X(LIB_MU, Tss2_MU_TPM2B_PUBLIC_Unmarshal) \
	X(LIB_MU, Tss2_MU_TPM2B_PRIVATE_Marshal) X(LIB_MU, Tss2_MU_TPM2B_PRIVATE_Unmarshal) \
	X(LIB_MU, Tss2_MU_TPM2B_NAME_Marshal) X(LIB_MU, Tss2_MU_TPM2B_NAME_Unmarshal) \
	X(LIB_ESYS, Esys_Initialize) X(LIB_ESYS, Esys_Finalize) X(LIB_ESYS, Esys_Free) \
	X(LIB_ESYS, Esys_CreatePrimary) X(LIB_ESYS, Esys_Create) X(LIB_ESYS, Esys_Load) X(LIB_ESYS, Esys_Unseal) \
	X(LIB_ESYS, Esys_StartAuthSession) X(LIB_ESYS, Esys_TRSess_SetAttributes) X(LIB_ESYS, Esys_TR_GetName) \
	X(LIB_ESYS, Esys_FlushContext)
/* clang-format on */

struct tss {
	void *libraries[LIBRARIES];
#define X(library, name) __typeof__(&(name)) name;
	FUNCTIONS(X)
#undef X
};

static const struct {
	enum library library;
	const char *name;
	size_t offset;
} functions[] = {
#define X(library, name) { library, #name, offsetof(struct tss, name) },
	FUNCTIONS(X)
#undef X
};

static void tss_close(struct tss *tss)
{
	for (size_t i = LIBRARIES; i-- > 0;)
		if (tss->libraries[i])
			(void)dlclose(tss->libraries[i]);
}

static int tss_open(struct tss *tss, struct err *err)
{
	*tss = (struct tss){ 0 };
	for (size_t i = 0; i < LIBRARIES; i++) {
		tss->libraries[i] = dlopen(library_names[i], RTLD_NOW | RTLD_LOCAL);
		if (!tss->libraries[i]) {
			tss_close(tss);
			return err_set(err, -ENODEV, "a TPM needs %s, which is not installed",
				       library_names[i]);
		}
	}
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *found = dlsym(tss->libraries[functions[i].library], functions[i].name);

		if (!found) {
			tss_close(tss);
			return err_set(err, -ENODEV, "%s is too old for a TPM: it lacks %s",
				       library_names[functions[i].library], functions[i].name);
		}
		memcpy((char *)tss + functions[i].offset, &found, sizeof(found));
	}
	return 0;
}

/* --- a conversation --- */

struct tpm {
	struct tss tss;
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *esys;
	ESYS_TR primary, session;
	struct err *err;
};

static const char *tcti_of(const char *tcti)
{
	return tcti ? tcti : "device:" TPM2_DEVICE;
}

/* TPM 2.0 Library Part 2, table 16: format-one codes name a parameter or a session in their upper bits. */
static bool is_format_one(TSS2_RC rc, TSS2_RC code)
{
	return (rc & 0xffff0000u) == 0 && (rc & TPM2_RC_FMT1) && (rc & (0x3fu | TPM2_RC_FMT1)) == code;
}

static int explain(struct tpm *tpm, TSS2_RC rc, const char *what)
{
	if (rc == TSS2_RC_SUCCESS)
		return 0;
	if (is_format_one(rc, TPM2_RC_BAD_AUTH) || is_format_one(rc, TPM2_RC_AUTH_FAIL))
		return err_set(tpm->err, -EACCES, "the TPM's owner hierarchy has a password: %s is refused",
			       what);
	return err_set(tpm->err, -EIO, "the TPM refuses %s (code 0x%x)", what, (unsigned)rc);
}

static int start(struct tpm *tpm, const char *tcti, struct err *err)
{
	TSS2_RC rc;
	int code;

	*tpm = (struct tpm){ .primary = ESYS_TR_NONE, .session = ESYS_TR_NONE, .err = err };
	(void)setenv("TSS2_LOG", "all+none", 0); /* what it has to say is in its codes */
	code = tss_open(&tpm->tss, err);
	if (code)
		return code;
	rc = tpm->tss.Tss2_TctiLdr_Initialize(tcti_of(tcti), &tpm->tcti);
	if (!rc)
		rc = tpm->tss.Esys_Initialize(&tpm->esys, tpm->tcti, NULL);
	return rc ? err_set(err, -ENODEV, "no TPM 2.0 answers at %s (code 0x%x)", tcti_of(tcti), (unsigned)rc)
		  : 0;
}

static void flush(struct tpm *tpm, ESYS_TR *handle)
{
	if (*handle != ESYS_TR_NONE)
		(void)tpm->tss.Esys_FlushContext(tpm->esys, *handle);
	*handle = ESYS_TR_NONE;
}

static void end(struct tpm *tpm)
{
	if (tpm->esys) {
		flush(tpm, &tpm->session);
		flush(tpm, &tpm->primary);
		tpm->tss.Esys_Finalize(&tpm->esys);
	}
	if (tpm->tcti)
		tpm->tss.Tss2_TctiLdr_Finalize(&tpm->tcti);
	tss_close(&tpm->tss);
}

/* The template of the storage primary: the same template gives the same key, for as long as the TPM is not cleared. As in the TCG's
 * Provisioning Guidance, section 7.5.1, with ECC P-256. */
static int make_primary(struct tpm *tpm)
{
	static const TPM2B_PUBLIC template = {
		.publicArea = {
			.type = TPM2_ALG_ECC,
			.nameAlg = TPM2_ALG_SHA256,
			.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
					    TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
					    TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
			.parameters.eccDetail = {
				.symmetric = { .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB },
				.scheme.scheme = TPM2_ALG_NULL,
				.curveID = TPM2_ECC_NIST_P256,
				.kdf.scheme = TPM2_ALG_NULL,
			},
		},
	};
	static const TPM2B_SENSITIVE_CREATE nothing;
	static const TPM2B_DATA outside;
	static const TPML_PCR_SELECTION no_pcr;
	TSS2_RC rc = tpm->tss.Esys_CreatePrimary(tpm->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
						 ESYS_TR_NONE, &nothing, &template, &outside, &no_pcr,
						 &tpm->primary, NULL, NULL, NULL, NULL);

	return explain(tpm, rc, "its storage key");
}

/* Salted by the primary: what goes over the wires between processor and TPM is encrypted. */
static int start_session(struct tpm *tpm)
{
	static const TPMT_SYM_DEF symmetric = { .algorithm = TPM2_ALG_AES,
						.keyBits.aes = 128,
						.mode.aes = TPM2_ALG_CFB };
	const TPMA_SESSION wanted =
		TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT | TPMA_SESSION_CONTINUESESSION;
	TSS2_RC rc = tpm->tss.Esys_StartAuthSession(tpm->esys, tpm->primary, ESYS_TR_NONE, ESYS_TR_NONE,
						    ESYS_TR_NONE, ESYS_TR_NONE, NULL, TPM2_SE_HMAC,
						    &symmetric, TPM2_ALG_SHA256, &tpm->session);

	if (!rc)
		rc = tpm->tss.Esys_TRSess_SetAttributes(tpm->esys, tpm->session, wanted, 0xff);
	return explain(tpm, rc, "an encrypted session");
}

static int open_tpm(struct tpm *tpm, const char *tcti, struct err *err)
{
	int code = start(tpm, tcti, err);

	if (!code)
		code = make_primary(tpm);
	return code ? code : start_session(tpm);
}

/* --- what is kept: version, the primary's name, public and private part --- */

static int write_sealed(struct tpm *tpm, const TPM2B_PUBLIC *public, const TPM2B_PRIVATE *private,
			struct buf *out)
{
	uint8_t bytes[SEALED_MAX] = { BLOB_VERSION };
	TPM2B_NAME *name = NULL;
	size_t len = 1;
	TSS2_RC rc = tpm->tss.Esys_TR_GetName(tpm->esys, tpm->primary, &name);

	if (!rc)
		rc = tpm->tss.Tss2_MU_TPM2B_NAME_Marshal(name, bytes, sizeof(bytes), &len);
	if (!rc)
		rc = tpm->tss.Tss2_MU_TPM2B_PUBLIC_Marshal(public, bytes, sizeof(bytes), &len);
	if (!rc)
		rc = tpm->tss.Tss2_MU_TPM2B_PRIVATE_Marshal(private, bytes, sizeof(bytes), &len);
	tpm->tss.Esys_Free(name);
	if (rc)
		return explain(tpm, rc, "what it sealed");
	return buf_add(out, bytes, len) ? err_set(tpm->err, -ENOMEM, "out of memory") : 0;
}

static int read_sealed(struct tpm *tpm, struct span sealed, TPM2B_NAME *name, TPM2B_PUBLIC *public,
		       TPM2B_PRIVATE *private)
{
	const uint8_t *bytes = (const uint8_t *)sealed.ptr;
	size_t at = 1;
	bool is_sound = sealed.len > 1 && sealed.len <= SEALED_MAX && bytes[0] == BLOB_VERSION &&
			!tpm->tss.Tss2_MU_TPM2B_NAME_Unmarshal(bytes, sealed.len, &at, name) &&
			!tpm->tss.Tss2_MU_TPM2B_PUBLIC_Unmarshal(bytes, sealed.len, &at, public) &&
			!tpm->tss.Tss2_MU_TPM2B_PRIVATE_Unmarshal(bytes, sealed.len, &at, private) &&
			at == sealed.len;

	return is_sound ? 0
			: err_set(tpm->err, -EBADMSG,
				  "what the TPM sealed is damaged: restore it from a backup");
}

/* Before anything is tried with it: whether this is the TPM. */
static int check_primary(struct tpm *tpm, const TPM2B_NAME *wanted)
{
	TPM2B_NAME *name = NULL;
	TSS2_RC rc = tpm->tss.Esys_TR_GetName(tpm->esys, tpm->primary, &name);
	bool is_same = !rc && name->size == wanted->size && memcmp(name->name, wanted->name, name->size) == 0;

	tpm->tss.Esys_Free(name);
	if (rc)
		return explain(tpm, rc, "the name of its key");
	return is_same ? 0
		       : err_set(tpm->err, -ENOKEY,
				 "this was sealed by another machine's TPM, or by this one before it was "
				 "cleared");
}

/* --- the two operations --- */

bool tpm2_is_likely(const char *tcti)
{
	return tcti || access(TPM2_DEVICE, R_OK | W_OK) == 0;
}

static int create(struct tpm *tpm, struct span secret, struct buf *out)
{
	static const TPM2B_PUBLIC template = {
		.publicArea = {
			.type = TPM2_ALG_KEYEDHASH,
			.nameAlg = TPM2_ALG_SHA256,
			.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_USERWITHAUTH |
					    TPMA_OBJECT_NODA,
			.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
		},
	};
	static const TPM2B_DATA outside;
	static const TPML_PCR_SELECTION no_pcr;
	TPM2B_SENSITIVE_CREATE sensitive = { .sensitive.data.size = (UINT16)secret.len };
	TPM2B_PRIVATE *private = NULL;
	TPM2B_PUBLIC *public = NULL;
	TSS2_RC rc;
	int code;

	memcpy(sensitive.sensitive.data.buffer, secret.ptr, secret.len);
	rc = tpm->tss.Esys_Create(tpm->esys, tpm->primary, tpm->session, ESYS_TR_NONE, ESYS_TR_NONE,
				  &sensitive, &template, &outside, &no_pcr, &private, &public, NULL, NULL,
				  NULL);
	explicit_bzero(&sensitive, sizeof(sensitive));
	code = explain(tpm, rc, "to seal");
	if (!code)
		code = write_sealed(tpm, public, private, out);
	tpm->tss.Esys_Free(private);
	tpm->tss.Esys_Free(public);
	return code;
}

static int seal(const char *tcti, struct span secret, struct buf *out, struct err *err)
{
	struct tpm tpm;
	int code = open_tpm(&tpm, tcti, err);

	if (!code)
		code = create(&tpm, secret, out);
	end(&tpm);
	return code;
}

static int load(struct tpm *tpm, struct span sealed, ESYS_TR *out)
{
	TPM2B_NAME name = { 0 };
	TPM2B_PUBLIC public = { 0 };
	TPM2B_PRIVATE private = { 0 };
	int code = read_sealed(tpm, sealed, &name, &public, &private);
	TSS2_RC rc;

	if (!code)
		code = check_primary(tpm, &name);
	if (code)
		return code;
	rc = tpm->tss.Esys_Load(tpm->esys, tpm->primary, tpm->session, ESYS_TR_NONE, ESYS_TR_NONE, &private,
				&public, out);
	if (rc && (rc & 0xffff0000u) == 0) /* the TPM's own word: integrity, binding, size */
		return err_set(tpm->err, -EBADMSG,
			       "what the TPM sealed is damaged: restore it from a backup");
	return explain(tpm, rc, "to load what it sealed");
}

static int unseal(const char *tcti, struct span sealed, struct buf *out, struct err *err)
{
	TPM2B_SENSITIVE_DATA *secret = NULL;
	ESYS_TR object = ESYS_TR_NONE;
	struct tpm tpm;
	int code = open_tpm(&tpm, tcti, err);

	if (!code)
		code = load(&tpm, sealed, &object);
	if (!code)
		code = explain(&tpm,
			       tpm.tss.Esys_Unseal(tpm.esys, object, tpm.session, ESYS_TR_NONE, ESYS_TR_NONE,
						   &secret),
			       "to unseal");
	if (!code && buf_add(out, secret->buffer, secret->size))
		code = err_set(err, -ENOMEM, "out of memory");
	if (secret) {
		explicit_bzero(secret, sizeof(*secret));
		tpm.tss.Esys_Free(secret);
	}
	if (tpm.esys)
		flush(&tpm, &object);
	end(&tpm);
	return code;
}

/* --- in a process of their own: the libraries bring OpenSSL, which never leaves a process again and outweighs an edge-hub --- */

typedef int operation_fn(const char *tcti, struct span in, struct buf *out, struct err *err);

struct answer { /* fits into a pipe's buffer: written and read at once */
	struct err err;
	size_t len;
	uint8_t bytes[SEALED_MAX];
};
_Static_assert(sizeof(struct answer) < 4096, "PIPE_BUF of Linux");

static _Noreturn void answer_in_child(int fd, operation_fn *operation, const char *tcti, struct span in)
{
	static struct answer answer;
	struct buf out;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	buf_init(&out, sizeof(answer.bytes));
	if (operation(tcti, in, &out, &answer.err) == 0) {
		answer.err.code = 0;
		answer.len = out.len;
		memcpy(answer.bytes, out.data, out.len);
	}
	_exit(write(fd, &answer, sizeof(answer)) == (ssize_t)sizeof(answer) ? 0 : 1);
}

static int await_child(int fd, pid_t pid, struct answer *answer)
{
	ssize_t got;

	do
		got = read(fd, answer, sizeof(*answer));
	while (got < 0 && errno == EINTR);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return got == (ssize_t)sizeof(*answer) && answer->len <= sizeof(answer->bytes) ? 0 : -EIO;
}

static int run(operation_fn *operation, const char *tcti, struct span in, struct buf *out, struct err *err)
{
	struct answer answer = { 0 };
	int pipes[2], code;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC))
		return err_set(err, -errno, "talking to the TPM: %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		answer_in_child(pipes[1], operation, tcti, in);
	close(pipes[1]);
	code = pid < 0 ? -errno : await_child(pipes[0], pid, &answer);
	close(pipes[0]);
	if (code)
		(void)err_set(err, code, "talking to the TPM failed: %s", strerror(-code));
	else if (answer.err.code)
		code = err_set(err, answer.err.code, "%s", answer.err.msg);
	else if (buf_add(out, answer.bytes, answer.len))
		code = err_set(err, -ENOMEM, "out of memory");
	explicit_bzero(&answer, sizeof(answer));
	return code;
}

int tpm2_seal(const char *tcti, struct span secret, struct buf *out, struct err *err)
{
	if (secret.len > TPM2_SECRET_MAX)
		return err_set(err, -EMSGSIZE, "a TPM seals at most %u bytes", TPM2_SECRET_MAX);
	return run(seal, tcti, secret, out, err);
}

int tpm2_unseal(const char *tcti, struct span sealed, struct buf *out, struct err *err)
{
	return run(unseal, tcti, sealed, out, err);
}
