#include "edge-hub/link/renewer.h"

#include "auth/authority.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "edge-hub/link/ask.h"
#include "edge-hub/link/renewal.h"
#include "tunnel/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE "renewal"

struct renewer {
	struct renewer_options options;
	struct renewal renewal;
	struct timer *timer;
	struct ask *ask;
	struct x509_key *key; /* of the attempt under way */
	int64_t not_before_wall_ms, not_after_wall_ms;
	char last_error[256];
};

static void plan(struct renewer *renewer);

static uint64_t now_of(const struct renewer *renewer)
{
	return loop_now_ms(renewer->options.loop);
}

static int64_t wall_of(const struct renewer *renewer)
{
	return timekeeper_wall_ms(renewer->options.timekeeper);
}

static int look(struct renewer *renewer, struct err *err)
{
	struct x509_facts facts;
	int code = x509_read(buf_span(&renewer->options.identity->chain), &facts, err);

	if (code)
		return code;
	renewer->not_before_wall_ms = facts.not_before_wall_ms;
	renewer->not_after_wall_ms = facts.not_after_wall_ms;
	renewal_certificate(&renewer->renewal, facts.not_before_wall_ms, facts.not_after_wall_ms);
	return 0;
}

/* --- the identity, replaced whole --- */

/* Takes what is not NULL. On failure everything is as it was. */
static int replace(struct renewer *renewer, struct buf *chain, struct buf *key, struct buf *authority,
		   struct err *err)
{
	struct identity *identity = renewer->options.identity, next = *identity;
	int code;

	if (chain)
		next.chain = *chain;
	if (key)
		next.key = *key;
	if (authority)
		next.authority = *authority;
	code = identity_save(renewer->options.data_dir, renewer->options.vault, &next, err);
	if (code)
		return code;
	if (chain) {
		buf_done(&identity->chain);
		*chain = (struct buf){ 0 };
	}
	if (key) {
		explicit_bzero(identity->key.data, identity->key.cap);
		buf_done(&identity->key);
		*key = (struct buf){ 0 };
	}
	if (authority) {
		buf_done(&identity->authority);
		*authority = (struct buf){ 0 };
	}
	*identity = next;
	return 0;
}

/* No new root on a hub's word alone: it has to be signed by one that is trusted already. */
static int take_bundle(const struct renewer *renewer, struct span pem, ProtobufCBinaryData crosses,
		       struct buf *out, struct err *err)
{
	int code = x509_bundle_follows(pem, span_make(crosses.data, crosses.len),
				       buf_span(&renewer->options.identity->authority), err);

	if (!code && buf_add_span(out, pem))
		code = err_set(err, -ENOMEM, "out of memory");
	return code;
}

/* --- the answer --- */

static int check_chain(const struct renewer *renewer, struct span chain, struct err *err)
{
	char name[X509_NAME_MAX + 1];
	struct x509_facts facts;
	int code = x509_read(chain, &facts, err);

	if (code)
		return code;
	(void)snprintf(name, sizeof(name), AUTHORITY_NODE_PREFIX "%s", renewer->options.identity->node);
	if (strcmp(facts.common_name, name) != 0 || !facts.client)
		return err_set(err, -EKEYREJECTED, "the cloud-hub sent a certificate of \"%s\"",
			       facts.common_name);
	if (!x509_matches(chain, renewer->key))
		return err_set(err, -EKEYREJECTED, "the cloud-hub sent a certificate for another key");
	return 0;
}

static int store(struct renewer *renewer, const Tunnel__RenewResponse *answer, struct err *err)
{
	struct span chain_pem = span_make(answer->chain.data, answer->chain.len),
		    bundle = span_make(answer->authority.data, answer->authority.len);
	struct buf chain, key, authority;
	int code = check_chain(renewer, chain_pem, err);

	if (code)
		return code;
	buf_init(&chain, IDENTITY_FILE_MAX);
	buf_init(&key, IDENTITY_FILE_MAX);
	buf_init(&authority, IDENTITY_FILE_MAX);
	if (buf_add_span(&chain, chain_pem) || x509_key_write(renewer->key, &key))
		code = err_set(err, -ENOMEM, "out of memory");
	if (!code && bundle.len)
		code = take_bundle(renewer, bundle, answer->crosses, &authority, err);
	if (!code)
		code = replace(renewer, &chain, &key, bundle.len ? &authority : NULL, err);
	if (key.data)
		explicit_bzero(key.data, key.cap);
	buf_done(&chain);
	buf_done(&key);
	buf_done(&authority);
	return code;
}

static int hear_time(struct renewer *renewer, const struct ask_result *result, struct err *err)
{
	const Tunnel__RenewResponse *answer = result->answer;
	int code = timekeeper_word(renewer->options.timekeeper, answer->wall_ms, result->not_before_wall_ms,
				   result->not_after_wall_ms);

	return code == -ETIME ? err_set(err, -EKEYEXPIRED,
					"the cloud-hub's certificate has expired by its own clock")
			      : 0;
}

static void finish(struct renewer *renewer)
{
	ask_free(renewer->ask);
	renewer->ask = NULL;
	x509_key_free(renewer->key);
	renewer->key = NULL;
}

static void failed(struct renewer *renewer, const struct err *err, unsigned retry_after_ms)
{
	/* The same trouble again is no news. */
	if (strcmp(renewer->last_error, err_text(err)) != 0)
		log_warn(MODULE, "failed", "error=\"%s\"", err_text(err));
	(void)snprintf(renewer->last_error, sizeof(renewer->last_error), "%s", err_text(err));
	renewal_failed(&renewer->renewal, retry_after_ms, now_of(renewer));
	plan(renewer);
}

static void on_done(void *ctx, struct ask_result *result)
{
	struct renewer *renewer = ctx;
	struct err err = result->err;
	char until[CLOCK_TEXT_SIZE];
	bool stored = false;

	if (err.code == -ETIME) /* refused for dates alone: this machine's clock may be to blame */
		(void)timekeeper_contradicted(renewer->options.timekeeper);
	if (!err.code && hear_time(renewer, result, &err) == 0) {
		stored = store(renewer, result->answer, &err) == 0;
		if (stored)
			stored = look(renewer, &err) == 0;
	}
	finish(renewer);
	if (!stored) {
		failed(renewer, &err, result->retry_after_ms);
		return;
	}
	renewer->last_error[0] = '\0';
	clock_format(renewer->not_after_wall_ms, until);
	log_info(MODULE, "renewed", "until=%s", until);
	plan(renewer);
	renewer->options.on_changed(renewer->options.ctx);
}

/* --- the question --- */

static int make_question(struct renewer *renewer, struct buf *out, struct err *err)
{
	struct identity *identity = renewer->options.identity;
	Tunnel__RenewRequest request = TUNNEL__RENEW_REQUEST__INIT;
	uint8_t bundle[X509_SHA256_SIZE];
	struct buf csr;
	int code = x509_key_new(&renewer->key);

	buf_init(&csr, X509_PEM_MAX);
	if (!code)
		code = x509_csr_write(renewer->key, identity->node, &csr);
	if (!code) {
		identity_authority_sha256(identity, bundle);
		request.version_min = TUNNEL_VERSION_MIN;
		request.version_max = TUNNEL_VERSION_MAX;
		request.csr = (ProtobufCBinaryData){ csr.len, (uint8_t *)csr.data };
		request.node = identity->node;
		request.software = (char *)"edge-hub " HOLDFAST_VERSION;
		request.authority_sha256 = (ProtobufCBinaryData){ sizeof(bundle), bundle };
		code = message_encode(MSG_RENEW_REQUEST, &request, out);
	}
	buf_done(&csr);
	return code ? err_set(err, code, "cannot make a signing request: %s", strerror(-code)) : 0;
}

static int send(struct renewer *renewer, struct span question, struct err *err)
{
	const struct identity *identity = renewer->options.identity;
	struct tls_client_options tls = { .ca_pem = buf_span(&identity->authority),
					  .cert_chain_pem = buf_span(&identity->chain),
					  .key_pem = buf_span(&identity->key),
					  .clock = { timekeeper_expiry_ms, renewer->options.timekeeper } };
	struct ask_options options = { .loop = renewer->options.loop,
				       .clouds = (const char *const *)identity->clouds,
				       .server_name = AUTHORITY_RENEW_NAME,
				       .proxy = renewer->options.proxy,
				       .reach_timeout_ms = LINK_REACH_MS,
				       .question_kind = MSG_RENEW_REQUEST,
				       .answer_kind = MSG_RENEW_RESPONSE,
				       .question = question,
				       .on_done = on_done,
				       .ctx = renewer };
	int code = tls_client_new(&tls, &options.tls, err);

	if (code)
		return code;
	code = ask_new(&options, &renewer->ask);
	tls_unref(options.tls);
	return code ? err_set(err, code, "cannot ask the cloud: %s", strerror(-code)) : 0;
}

static void renew(struct renewer *renewer)
{
	struct err err = { 0 };
	struct buf question;
	int code;

	buf_init(&question, MESSAGE_CONTROL_MAX);
	renewal_begin(&renewer->renewal);
	code = make_question(renewer, &question, &err);
	if (!code)
		code = send(renewer, buf_span(&question), &err);
	buf_done(&question);
	if (!code)
		return;
	finish(renewer);
	failed(renewer, &err, 0);
}

/* --- when --- */

static void plan(struct renewer *renewer)
{
	uint64_t now = now_of(renewer), next = renewal_next(&renewer->renewal, now, wall_of(renewer));

	if (next == UINT64_MAX)
		timer_stop(renewer->timer);
	else
		timer_start(renewer->timer, next > now ? next - now : 0);
}

static void on_timer(void *ctx)
{
	struct renewer *renewer = ctx;

	if (renewal_is_due(&renewer->renewal, now_of(renewer), wall_of(renewer)))
		renew(renewer);
	plan(renewer);
}

void renewer_refused(struct renewer *renewer)
{
	renewal_refused(&renewer->renewal, now_of(renewer));
	plan(renewer);
}

int renewer_told(struct renewer *renewer, const Tunnel__Authority *message)
{
	struct span bundle = span_make(message->bundle.data, message->bundle.len);
	struct err err = { 0 };
	struct buf authority;
	int code = 0;

	if (message->renew) {
		renewal_told(&renewer->renewal, message->renew_within_ms, now_of(renewer));
		plan(renewer);
	}
	if (!bundle.len || span_eq(bundle, buf_span(&renewer->options.identity->authority)))
		return 0;
	buf_init(&authority, IDENTITY_FILE_MAX);
	code = take_bundle(renewer, bundle, message->crosses, &authority, &err);
	if (!code)
		code = replace(renewer, NULL, NULL, &authority, &err);
	buf_done(&authority);
	if (code) {
		log_error(MODULE, "authority-not-kept", "error=\"%s\"", err_text(&err));
		return code;
	}
	log_info(MODULE, "authority-kept", "bytes=%zu", bundle.len);
	renewer->options.on_changed(renewer->options.ctx);
	return 0;
}

int renewer_new(const struct renewer_options *options, struct renewer **out, struct err *err)
{
	struct renewer *renewer = calloc(1, sizeof(*renewer));
	uint64_t seed;
	int code;

	if (!renewer)
		return err_set(err, -ENOMEM, "out of memory");
	renewer->options = *options;
	random_bytes(&seed, sizeof(seed));
	renewal_init(&renewer->renewal, seed);
	code = look(renewer, err);
	if (!code && timer_new(options->loop, on_timer, renewer, &renewer->timer))
		code = err_set(err, -ENOMEM, "out of memory");
	if (code) {
		renewer_free(renewer);
		return code;
	}
	*out = renewer;
	return 0;
}

void renewer_start(struct renewer *renewer)
{
	plan(renewer);
}

void renewer_free(struct renewer *renewer)
{
	if (!renewer)
		return;
	finish(renewer);
	timer_close(renewer->timer);
	free(renewer);
}

void renewer_status(const struct renewer *renewer, struct renewer_status *out)
{
	*out = (struct renewer_status){ renewer->not_before_wall_ms, renewer->not_after_wall_ms,
					renewer->last_error };
}
