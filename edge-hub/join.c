#include "edge-hub/join.h"

#include "auth/authority.h"
#include "auth/enrol.h"
#include "auth/token.h"
#include "auth/x509.h"
#include "base/files.h"
#include "edge-hub/egress.h"
#include "edge-hub/identity.h"
#include "edge-hub/link/ask.h"
#include "edge-hub/node/facts.h"
#include "edge-hub/node/timekeeper.h"
#include "net/tls.h"
#include "tunnel/link.h"
#include "tunnel/message.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_PORT "7443"
#define BUSY_TRIES_MAX 8u
#define LABELS_MAX 64u
#define KEY_FILE "identity/join.key"

struct join {
	const struct options *options;
	const struct settings *settings;
	int lock_fd;
	struct vault *vault;
	char node[254];
	char clouds[IDENTITY_CLOUDS_MAX][300];
	size_t cloud_count;
	char *labels_text; /* what `labels` points into */
	Tunnel__Pair labels[LABELS_MAX], *label_list[LABELS_MAX];
	size_t label_count;
	struct token token;
	struct x509_key *key;
	struct x509_key *old_key; /* gives the name to `key`; NULL: that one has it, or nobody */
	struct buf csr, old_key_der, proof;
	struct node_facts facts;
	struct proxy *proxy;
	struct buf proxy_credentials;

	struct timekeeper *timekeeper;
	struct loop *loop;
	Tunnel__JoinResponse *response;
	unsigned later_ms; /* the hub asked to come back after so long; 0: it did not */
	bool refused;	   /* by the hub: another address will not help */
	struct err err;
};

static const char *data_dir(const struct join *join)
{
	return join->settings->data_dir;
}

/* --- what was typed --- */

static int take_clouds(struct join *join)
{
	struct span list = span_of(options_get(join->options, "cloud")), one;

	while (list.len) {
		bool has_port;

		(void)span_cut(list, ',', &one, &list);
		if (!one.len)
			continue;
		if (join->cloud_count == IDENTITY_CLOUDS_MAX)
			return err_set(&join->err, -EINVAL, "--cloud takes at most %u addresses",
				       IDENTITY_CLOUDS_MAX);
		has_port = memrchr(one.ptr, ':', one.len) && one.ptr[one.len - 1] != ']';
		if (snprintf(join->clouds[join->cloud_count], sizeof(join->clouds[0]), "%.*s%s",
			     SPAN_ARG(one), has_port ? "" : ":" DEFAULT_PORT) >= (int)sizeof(join->clouds[0]))
			return err_set(&join->err, -EINVAL, "an address in --cloud is too long");
		join->cloud_count++;
	}
	return join->cloud_count ? 0 : err_set(&join->err, -EINVAL, "--cloud names no address");
}

static int take_name(struct join *join)
{
	const char *given = options_get(join->options, "node-name");

	if (given)
		return span_copy(span_of(given), join->node, sizeof(join->node))
			       ? err_set(&join->err, -EINVAL, "--node-name is too long")
			       : 0;
	if (gethostname(join->node, sizeof(join->node) - 1))
		return err_set(&join->err, -errno, "this machine has no host name: give --node-name");
	join->node[sizeof(join->node) - 1] = '\0';
	for (char *c = join->node; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return 0;
}

static int take_labels(struct join *join)
{
	const char *given = options_get(join->options, "labels");
	char *rest;

	if (!given)
		return 0;
	join->labels_text = strdup(given);
	if (!join->labels_text)
		return err_set(&join->err, -ENOMEM, "out of memory");
	rest = join->labels_text;
	for (char *pair = strsep(&rest, ","); pair; pair = strsep(&rest, ",")) {
		char *value = strchr(pair, '=');
		Tunnel__Pair *label = &join->labels[join->label_count];

		if (!*pair)
			continue;
		if (!value || join->label_count == LABELS_MAX)
			return err_set(&join->err, -EINVAL, "--labels takes at most %u of the form key=value",
				       LABELS_MAX);
		*value++ = '\0';
		tunnel__pair__init(label);
		label->key = pair;
		label->value = value;
		join->label_list[join->label_count++] = label;
	}
	return 0;
}

static int take_proxy(struct join *join)
{
	const char *url = options_get(join->options, "proxy"),
		   *file = options_get(join->options, "proxy-credentials");
	int code = 0;

	if (!url)
		return file ? err_set(&join->err, -EINVAL, "--proxy-credentials needs --proxy") : 0;
	if (file)
		code = egress_credentials(file, &join->proxy_credentials, &join->err);
	if (!code)
		code = egress_make(url, buf_span(&join->proxy_credentials),
				   options_get(join->options, "no-proxy"), &join->proxy, &join->err);
	return code;
}

/* --- the key --- */

/* What is written is sealed; a running hub has the same vault, and must not be joined under its feet. */
static int open_vault(struct join *join)
{
	struct vault_settings settings = { .data_dir = data_dir(join),
					   .key_file = join->settings->secrets_key_file,
					   .wrap = join->settings->secrets_wrap,
					   .tpm = join->settings->secrets_tpm };
	int code = file_lock_dir(data_dir(join), 0700, &join->lock_fd);

	if (code == -EBUSY)
		return err_set(&join->err, code, "an edge-hub is running with %s: stop it first",
			       data_dir(join));
	if (code)
		return err_set(&join->err, code, "opening the data directory %s: %s", data_dir(join),
			       strerror(-code));
	return vault_open_data(&settings, &join->vault, &join->err);
}

static int known_key(struct join *join, const struct identity *known)
{
	if (strcmp(known->node, join->node) != 0)
		return err_set(&join->err, -EEXIST,
			       "this machine is node \"%s\" already; edge-hub leave gives that up",
			       known->node);
	return x509_key_parse(buf_span(&known->key), &join->key, &join->err);
}

/* That the key of the identity gives the name to the new one. */
static int prove(struct join *join)
{
	struct buf text;
	int code;

	buf_init(&text, X509_PEM_MAX);
	code = enrol_proof_text(join->token.id, join->node, buf_span(&join->csr), &text);
	if (!code)
		code = x509_sign(join->old_key, buf_span(&text), &join->proof);
	if (!code)
		code = x509_key_spki(join->old_key, &join->old_key_der);
	buf_done(&text);
	return code ? err_set(&join->err, code, "signing with the old key failed") : 0;
}

/* The key of an identity that is there, or of an attempt that was cut short; a new one otherwise. */
static int take_key(struct join *join)
{
	char path[PATH_MAX];
	struct identity known;
	struct buf pem;
	int code = identity_load(data_dir(join), join->vault, &known, NULL);
	int len = snprintf(path, sizeof(path), "%s/" KEY_FILE, data_dir(join));

	if (len < 0 || (size_t)len >= sizeof(path))
		return err_set(&join->err, -ENAMETOOLONG, "the data directory's name is too long");
	buf_init(&pem, X509_PEM_MAX);
	if (!code) {
		code = known_key(join, &known);
		identity_done(&known);
		if (!code && (options_given(join->options, "rotate-key") || access(path, F_OK) == 0)) {
			join->old_key = join->key;
			join->key = NULL;
		}
	} else {
		code = 0;
	}
	if (code || join->key) {
		/* decided */
	} else if (vault_file_settle(join->vault, path) == 0 &&
		   vault_file_read(join->vault, path, &pem) == 0 &&
		   x509_key_parse(buf_span(&pem), &join->key, NULL) == 0) {
		code = 0;
	} else {
		buf_reset(&pem);
		code = x509_key_new(&join->key);
		if (!code)
			code = x509_key_write(join->key, &pem);
		if (!code)
			code = vault_file_write(join->vault, path, buf_span(&pem));
		if (code)
			(void)err_set(&join->err, code, "making a key in %s: %s", path, strerror(-code));
	}
	if (pem.data)
		explicit_bzero(pem.data, pem.cap);
	buf_done(&pem);
	if (!code && x509_csr_write(join->key, join->node, &join->csr))
		code = err_set(&join->err, -EINVAL, "\"%s\" cannot be a node's name", join->node);
	return !code && join->old_key ? prove(join) : code;
}

/* --- the conversation --- */

/* What the cloud says the time is; this machine may have none. False: its certificate has expired by its own word. */
static bool hear_time(struct join *join, const struct ask_result *result)
{
	const Tunnel__JoinResponse *answer = result->answer;

	return timekeeper_word(join->timekeeper, answer->wall_ms, result->not_before_wall_ms,
			       result->not_after_wall_ms) != -ETIME;
}

static void on_answer(void *ctx, struct ask_result *result)
{
	struct join *join = ctx;

	join->err = result->err;
	join->refused = result->reason && result->reason != REFUSE_BUSY;
	if (!join->refused)
		join->later_ms = result->retry_after_ms;
	if (result->answer && hear_time(join, result)) {
		join->response = result->answer;
		result->answer = NULL;
	} else if (result->answer) {
		(void)err_set(
			&join->err, -EKEYEXPIRED,
			"the cloud-hub's certificate has expired by its own clock: restart it, or set its "
			"clock");
	}
	loop_stop(join->loop);
}

static int make_question(struct join *join, struct buf *out)
{
	const char *region = options_get(join->options, "region");
	Tunnel__JoinRequest request = TUNNEL__JOIN_REQUEST__INIT;

	request.version_min = TUNNEL_VERSION_MIN;
	request.version_max = TUNNEL_VERSION_MAX;
	request.token = (char *)options_get(join->options, "token");
	request.csr.data = (uint8_t *)join->csr.data;
	request.csr.len = join->csr.len;
	request.node = join->node;
	request.region = (char *)(region ? region : "");
	request.labels = join->label_list;
	request.n_labels = join->label_count;
	request.software = (char *)"edge-hub " HOLDFAST_VERSION;
	request.machine_id = join->facts.machine_id;
	request.old_key.data = (uint8_t *)join->old_key_der.data;
	request.old_key.len = join->old_key_der.len;
	request.old_key_proof.data = (uint8_t *)join->proof.data;
	request.old_key_proof.len = join->proof.len;
	return message_encode(MSG_JOIN_REQUEST, &request, out);
}

static int ask(struct join *join, const char *address, struct tls_context *tls)
{
	const char *const clouds[] = { address, NULL };
	struct ask_options options = { .loop = join->loop,
				       .clouds = clouds,
				       .tls = tls,
				       .server_name = AUTHORITY_JOIN_NAME,
				       .proxy = join->proxy,
				       .reach_timeout_ms = join->cloud_count > 1 ? LINK_REACH_MS : 0,
				       .question_kind = MSG_JOIN_REQUEST,
				       .answer_kind = MSG_JOIN_RESPONSE,
				       .on_done = on_answer,
				       .ctx = join };
	struct ask *question = NULL;
	struct buf bytes;
	int code;

	join->err = (struct err){ 0 };
	buf_init(&bytes, MESSAGE_CONTROL_MAX);
	code = make_question(join, &bytes);
	options.question = buf_span(&bytes);
	if (!code)
		code = ask_new(&options, &question);
	buf_done(&bytes);
	if (code)
		return err_set(&join->err, code,
			       code == -EMSGSIZE ? "the request is too large" : "out of memory");
	code = loop_run(join->loop);
	ask_free(question);
	return code ? code : join->err.code;
}

static void on_pause_over(void *ctx)
{
	struct join *join = ctx;

	loop_stop(join->loop);
}

/* A hub that has no time for a handshake says when it has; that is waited for, some times. */
static int ask_patiently(struct join *join, const char *address, struct tls_context *tls)
{
	struct timer *pause = NULL;
	int code = timer_new(join->loop, on_pause_over, join, &pause);

	if (code)
		return err_set(&join->err, code, "out of memory");
	for (unsigned i = 0;; i++) {
		join->later_ms = 0;
		code = ask(join, address, tls);
		if (!code || !join->later_ms || i == BUSY_TRIES_MAX)
			break;
		fprintf(stderr, "edge-hub: %s; waiting\n", err_text(&join->err));
		timer_start(pause, join->later_ms);
		code = loop_run(join->loop);
		if (code)
			break;
	}
	timer_close(pause);
	return code;
}

static int ask_all(struct join *join)
{
	struct tls_client_options options = { .pin_root_sha256 = join->token.pin,
					      .clock = { timekeeper_expiry_ms, join->timekeeper } };
	struct tls_context *tls = NULL;
	int code = tls_client_new(&options, &tls, &join->err);

	if (!code && loop_new(&join->loop))
		code = err_set(&join->err, -ENOMEM, "out of memory");
	for (size_t i = 0; !code && i < join->cloud_count; i++) {
		code = ask_patiently(join, join->clouds[i], tls);
		/* The token vouches for that authority: this machine's clock may be to blame, and what it kept of the time. */
		while (code == -ETIME && timekeeper_contradicted(join->timekeeper))
			code = ask_patiently(join, join->clouds[i], tls);
		if (!code || join->refused)
			break;
		(void)err_wrap(&join->err, "%s", join->clouds[i]);
		if (i + 1 < join->cloud_count) { /* the last one's trouble is told by who called */
			fprintf(stderr, "edge-hub: %s\n", err_text(&join->err));
			code = 0;
		}
	}
	tls_unref(tls);
	return code;
}

/* --- the answer --- */

static int check_answer(struct join *join)
{
	const Tunnel__JoinResponse *r = join->response;
	struct span chain = span_make(r->chain.data, r->chain.len),
		    authority = span_make(r->authority.data, r->authority.len);

	if (x509_bundle_check(authority, NULL) || !x509_bundle_has(authority, join->token.pin))
		return err_set(&join->err, -EKEYREJECTED,
			       "the cloud-hub sent an authority that the token does not pin");
	if (!x509_matches(chain, join->key))
		return err_set(&join->err, -EKEYREJECTED, "the cloud-hub sent a certificate for another key");
	return 0;
}

static int store_proxy(struct join *join, struct identity *identity)
{
	const char *url = options_get(join->options, "proxy"),
		   *direct = options_get(join->options, "no-proxy");
	const char *credentials = buf_cstr(&join->proxy_credentials);
	int code;

	if (!credentials)
		return -ENOMEM;
	code = identity_set_text(&identity->proxy, url ? url : "");
	if (!code)
		code = identity_set_text(&identity->proxy_credentials, credentials);
	return code ? code : identity_set_text(&identity->no_proxy, direct ? direct : "");
}

static int store_answer(struct join *join)
{
	const Tunnel__JoinResponse *r = join->response;
	const char *typed[IDENTITY_CLOUDS_MAX + IDENTITY_CLOUDS_MAX];
	const char *runtime = options_get(join->options, "runtime");
	struct identity identity;
	size_t count = 0;
	int code;

	/* What worked comes first; what the cloud says of itself after it. */
	for (size_t i = 0; i < join->cloud_count; i++)
		typed[count++] = join->clouds[i];
	for (size_t i = 0; i < r->n_clouds && count < IDENTITY_CLOUDS_MAX; i++)
		typed[count++] = r->clouds[i];
	identity_init(&identity);
	code = identity_set_clouds(&identity, typed, count);
	if (!code)
		code = identity_set_text(&identity.node, r->node);
	if (!code)
		code = identity_set_text(&identity.region, r->region);
	if (!code)
		code = identity_set_text(&identity.runtime, runtime);
	if (!code)
		code = store_proxy(join, &identity);
	if (!code)
		code = buf_add(&identity.chain, r->chain.data, r->chain.len);
	if (!code)
		code = buf_add(&identity.authority, r->authority.data, r->authority.len);
	if (!code)
		code = x509_key_write(join->key, &identity.key);
	code = code ? err_set(&join->err, code, "out of memory")
		    : identity_save(data_dir(join), join->vault, &identity, &join->err);
	identity_done(&identity);
	return code;
}

static void drop_key_file(const struct join *join)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/" KEY_FILE, data_dir(join)) < (int)sizeof(path))
		(void)unlink(path); /* it is in the identity now */
}

int join_run(const struct options *options, const struct settings *settings)
{
	struct join *join = calloc(1, sizeof(*join));
	int exit_code = OPTIONS_EXIT_USAGE, code;

	if (!join)
		return OPTIONS_EXIT_FAILED;
	join->options = options;
	join->settings = settings;
	join->lock_fd = -1;
	buf_init(&join->csr, X509_PEM_MAX);
	buf_init(&join->old_key_der, X509_PEM_MAX);
	buf_init(&join->proof, X509_PEM_MAX);
	buf_init(&join->proxy_credentials, EGRESS_CREDENTIALS_MAX);
	code = token_parse(span_of(options_get(options, "token")), &join->token, &join->err);
	if (!code)
		code = take_clouds(join);
	if (!code)
		code = take_name(join);
	if (!code)
		code = take_labels(join);
	if (!code)
		code = take_proxy(join);
	if (!code) {
		exit_code = OPTIONS_EXIT_FAILED;
		code = open_vault(join);
	}
	if (!code)
		code = node_facts_read("", data_dir(join), &join->facts, &join->err);
	if (!code)
		code = take_key(join);
	if (!code)
		code = timekeeper_new(data_dir(join), 0, &join->timekeeper, &join->err);
	if (!code)
		code = ask_all(join);
	if (!code)
		code = check_answer(join);
	if (!code)
		code = store_answer(join);
	if (code) {
		fprintf(stderr, "edge-hub: %s\n", err_text(&join->err));
	} else {
		drop_key_file(join);
		printf("joined as node \"%s\"%s%s. Start it with: edge-hub run\n", join->response->node,
		       join->response->region[0] ? " in region " : "", join->response->region);
		exit_code = OPTIONS_EXIT_OK;
	}
	message_free(MSG_JOIN_RESPONSE, join->response);
	loop_free(join->loop);
	timekeeper_free(join->timekeeper);
	x509_key_free(join->key);
	x509_key_free(join->old_key);
	buf_done(&join->csr);
	buf_done(&join->old_key_der);
	buf_done(&join->proof);
	if (join->proxy_credentials.data)
		explicit_bzero(join->proxy_credentials.data, join->proxy_credentials.cap);
	buf_done(&join->proxy_credentials);
	proxy_unref(join->proxy);
	vault_free(join->vault);
	if (join->lock_fd >= 0)
		close(join->lock_fd);
	free(join->labels_text);
	free(join);
	return exit_code;
}
