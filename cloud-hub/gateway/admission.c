#include "cloud-hub/gateway/admission.h"

#include "auth/enrol.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "cloud-hub/audit/audit.h"
#include "cloud-hub/gateway/gateway_impl.h"
#include "cloud-hub/gateway/notice.h"
#include "cloud-hub/gateway/registry.h"
#include "cloud-hub/gateway/strangers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE "admission"
#define BUSY_RETRY_MS 30000u
#define STORE_RETRY_MS 2000u

/* One Hello, from its arrival to the decision. */
struct applicant {
	struct admission *admission; /* NULL: the gateway is gone, only the write has yet to end */
	struct list_node node;
	struct edge *edge;	    /* one reference */
	const Tunnel__Hello *hello; /* the session's */
	enum {
		WAITING, /* for another one of the same node */
		ASKED,	 /* to show that it is alive, or just come */
		WRITING,
		DECIDED, /* nothing else ends it but the decision */
	} state;
	bool alive, copy;
	struct fork fork;
	struct fork_host host;
	uint8_t secret[FORK_SECRET_SIZE];
};

struct admission {
	struct gateway *gateway;
	struct list applicants;
	struct list dismissed; /* freed when nothing that is being done can look at them any more */
};

static void decide(struct applicant *a);

static struct applicant *applicant_of(struct list_node *node)
{
	return container_of(node, struct applicant, node);
}

static struct applicant *find(struct admission *admission, const struct edge *edge)
{
	list_for_each(&admission->applicants, node)
		if (applicant_of(node)->edge == edge)
			return applicant_of(node);
	return NULL;
}

static bool is_being_written(const struct admission *admission, const char *name)
{
	list_for_each(&admission->applicants, node)
		if (applicant_of(node)->state == WRITING && strcmp(applicant_of(node)->edge->node, name) == 0)
			return true;
	return false;
}

static void applicant_free(struct applicant *a)
{
	explicit_bzero(a->secret, sizeof(a->secret));
	edge_unref(a->edge);
	free(a);
}

static void dismiss(struct applicant *a)
{
	assert_always(list_is_linked(&a->node));
	list_remove(&a->admission->applicants, &a->node);
	list_push(&a->admission->dismissed, &a->node);
}

/* The last thing whenever something has happened. */
static void sweep(struct admission *admission)
{
	struct list_node *node;

	while ((node = list_pop(&admission->dismissed)))
		applicant_free(applicant_of(node));
}

static void refuse(struct applicant *a, enum refuse_reason reason, const char *text, unsigned retry_after_ms)
{
	if (a->edge->state != EDGE_CLOSED)
		edge_refuse(a->edge, reason, text, retry_after_ms);
	dismiss(a);
}

/* --- the store --- */

static void on_stored(void *ctx, const struct cache_result *result);

static void store(struct applicant *a)
{
	char mark[sizeof(FORK_MARK_PREFIX) + EDGE_NODE_MAX];
	struct cache_op op = { .type = CACHE_MARK, .mark = mark };
	struct buf record;
	int code;

	snprintf(mark, sizeof(mark), "%s%s", FORK_MARK_PREFIX, a->edge->node);
	buf_init(&record, CACHE_MARK_MAX);
	code = fork_write(&a->fork, &record);
	op.value = buf_span(&record);
	a->state = WRITING;
	if (!code)
		code = cache_submit(a->edge->gateway->options.cache, &op, 1, on_stored, a);
	buf_done(&record);
	if (code)
		refuse(a, REFUSE_BUSY, "the session could not be stored", STORE_RETRY_MS);
}

static void turn_away(struct applicant *a)
{
	struct edge *present = gateway_edge_of(a->edge->gateway, a->edge->node);
	const char *text =
		"two hosts run with this node's disk: both are kept out until the operator decides";

	if (present)
		edge_retire(present, REFUSE_QUARANTINED, text, 0);
	refuse(a, REFUSE_QUARANTINED, text, 0);
}

static struct applicant *first_waiting(struct admission *admission, const char *name)
{
	list_for_each(&admission->applicants, node)
		if (applicant_of(node)->state == WAITING && strcmp(applicant_of(node)->edge->node, name) == 0)
			return applicant_of(node);
	return NULL;
}

static void let_next(struct admission *admission, const char *name)
{
	struct applicant *a;

	while (!is_being_written(admission, name) && (a = first_waiting(admission, name))) {
		a->state = ASKED; /* about to be */
		decide(a);
	}
}

static void settle(struct applicant *a, int code)
{
	a->state = DECIDED;
	if (!code && a->copy)
		notice_quarantined(a->edge->gateway, a->edge->node, &a->fork);
	if (a->edge->state == EDGE_CLOSED) {
		dismiss(a);
	} else if (code) {
		refuse(a, REFUSE_BUSY, "the session could not be stored", STORE_RETRY_MS);
	} else if (a->copy) {
		turn_away(a);
	} else {
		edge_welcome(a->edge, a->hello, a->secret, a->fork.offered);
		dismiss(a);
	}
}

static void on_stored(void *ctx, const struct cache_result *result)
{
	struct applicant *a = ctx;
	struct admission *admission = a->admission;
	char name[EDGE_NODE_MAX];

	if (!admission) {
		applicant_free(a);
		return;
	}
	snprintf(name, sizeof(name), "%s", a->edge->node);
	settle(a, result->code);
	let_next(admission, name);
	sweep(admission);
}

/* --- the decision --- */

static int load_fork(struct gateway *gateway, const char *node, struct fork *out)
{
	int code = gateway_fork(gateway, node, out);

	/* Unreadable: nothing is known of what this node was given, as after a restore. */
	if (code == -EINVAL)
		log_error(MODULE, "session-record-damaged", "node=%s", node);
	return code == -ENOENT || code == -EINVAL ? 0 : code;
}

static int sight_of(const struct applicant *a, struct fork_sight *out)
{
	const Tunnel__Cursor *cursor = a->hello->cursor;
	struct gateway *gateway = a->edge->gateway;
	int code = 0;

	if (cursor && cursor->epoch.len == CACHE_EPOCH_SIZE)
		code = cache_epoch_check(gateway->options.cache, cursor->epoch.data, cursor->position);
	*out = (struct fork_sight){
		.presented = span_make(a->hello->session_secret.data, a->hello->session_secret.len),
		.kept = gateway_has_kept(gateway, a->edge->node, a->fork.offered),
		.unbroken = !code,
		.alive = a->alive,
	};
	return code == -ESTALE ? 0 : code;
}

static struct fork_host host_of(const struct applicant *a)
{
	struct fork_host host = { .seen_wall_ms = clock_wall_ms() };
	const char *address = stream_peer_address(a->edge->stream), *port = strrchr(address, ':');

	/* What does not fit is of no use to anybody; the address is without its port, which changes each time. */
	span_copy_or_nothing(span_of(a->hello->machine_id), host.machine_id, sizeof(host.machine_id));
	span_copy_or_nothing(span_of(a->hello->boot_id), host.boot_id, sizeof(host.boot_id));
	span_copy_or_nothing(span_make(address, port ? (size_t)(port - address) : strlen(address)),
			     host.address, sizeof(host.address));
	return host;
}

static void welcome(struct applicant *a, const struct fork_sight *sight)
{
	uint8_t random[FORK_RANDOM_SIZE];

	random_bytes(random, sizeof(random));
	fork_offer(&a->fork, sight->presented, random, &a->host, a->secret);
	explicit_bzero(random, sizeof(random));
	store(a);
}

static void challenge(struct applicant *a)
{
	a->state = ASKED;
	if (session_challenge(a->edge->session))
		refuse(a, REFUSE_BUSY, "out of memory", STORE_RETRY_MS);
	else
		edge_kick(a->edge);
}

static void note_copy(const struct applicant *a)
{
	char user[sizeof(AUTHORITY_NODE_PREFIX) + EDGE_NODE_MAX];
	struct audit_note note = { .verb = "quarantine",
				   .user = user,
				   .node = a->edge->node,
				   .source = a->host.address,
				   .resource = "nodes",
				   .name = a->edge->node,
				   .code = 403,
				   .reason = "a copy of the node's disk" };

	snprintf(user, sizeof(user), AUTHORITY_NODE_PREFIX "%s", a->edge->node);
	audit_note(a->edge->gateway->options.audit, &note);
}

static void quarantine(struct applicant *a, const struct fork_sight *sight)
{
	bool fresh = !a->fork.quarantined;

	a->copy = true;
	if (!fork_quarantine(&a->fork, sight->presented, &a->host)) {
		turn_away(a);
		return;
	}
	if (fresh) {
		note_copy(a);
		a->edge->gateway->stats.quarantined++;
		log_error(
			MODULE, "copied-disk",
			"node=%s holder=%s machine=%s other=%s machine=%s: both are kept out; see cloud-hub "
			"node show %s",
			a->edge->node, a->fork.holder.address, a->fork.holder.machine_id, a->host.address,
			a->host.machine_id, a->edge->node);
	}
	store(a);
}

static void judge(struct applicant *a)
{
	struct fork_sight sight;

	if (load_fork(a->edge->gateway, a->edge->node, &a->fork)) {
		refuse(a, REFUSE_BUSY, "the node's session record cannot be read", BUSY_RETRY_MS);
		return;
	}
	a->host = host_of(a);
	if (sight_of(a, &sight)) {
		refuse(a, REFUSE_BUSY, "the store's past cannot be read", BUSY_RETRY_MS);
		return;
	}
	switch (fork_judge(&a->fork, &sight)) {
	case FORK_WELCOME: welcome(a, &sight); break;
	case FORK_PROVE: challenge(a); break;
	case FORK_QUARANTINED:
	case FORK_COPY: quarantine(a, &sight); break;
	case FORK_DENIED:
		refuse(a, REFUSE_IDENTITY,
		       "this host is a copy of the node, and the operator decided for the other one: join it "
		       "under another name",
		       0);
		break;
	}
}

/* Works with its own key, so what it says of its other one counts, the first time. */
static bool identify(const struct applicant *a, struct enrolment *known)
{
	struct span identity = span_make(a->hello->identity_key.data, a->hello->identity_key.len);
	bool is_other, is_news = enrol_identify(known, identity, a->hello->health_port, &is_other);

	if (is_other)
		log_warn(MODULE, "other-identity-key",
			 "node=%s: the one seen first stays, and what it signs with another does not count",
			 known->node_name);
	return is_news;
}

/* Registered, with this key? Refuses otherwise. */
static bool is_registered(struct applicant *a)
{
	struct edge *edge = a->edge;
	struct enrolment known;
	struct err err = { 0 };
	bool confirmed = false;
	int code = gateway_enrolment(edge->gateway, edge->node, &known);

	if (code == -ENOENT) {
		bool lost = strangers_note(edge->gateway->strangers, edge, a->hello);

		refuse(a, lost ? REFUSE_UNCONFIRMED : REFUSE_IDENTITY,
		       lost ? "the cloud was restored from a backup that does not know this node: its "
			      "operator "
			      "has to confirm it"
			    : "this node is not registered here: join again",
		       0);
		return false;
	}
	if (code) {
		refuse(a, REFUSE_BUSY, "the node's registration cannot be read", BUSY_RETRY_MS);
		return false;
	}
	if (enrol_admits(&known, edge->key_sha256, &confirmed, &err)) {
		/* It may have been given this key after the backup was made. */
		if (!known.revoked && strangers_note(edge->gateway->strangers, edge, a->hello)) {
			refuse(a, REFUSE_UNCONFIRMED,
			       "the cloud was restored from a backup that knows this node by another key: "
			       "its operator has to "
			       "confirm it",
			       0);
			return false;
		}
		refuse(a, known.revoked ? REFUSE_REVOKED : REFUSE_IDENTITY, err_text(&err), 0);
		return false;
	}
	/* A renewed key was used for the first time: the record says so from now on. Lost, it is said again at the next session. */
	if ((identify(a, &known) || confirmed) && registry_put(edge->gateway->registry, &known, NULL, NULL))
		log_warn(MODULE, "key-not-confirmed", "node=%s", known.node_name);
	return true;
}

static void decide(struct applicant *a)
{
	struct edge *edge = a->edge;
	struct gateway *gateway = edge->gateway;

	if (is_being_written(a->admission, edge->node))
		a->state = WAITING;
	else if (gateway->stopping)
		refuse(a, REFUSE_STOPPING, "the cloud-hub is stopping", 1000);
	else if (strcmp(a->hello->node, edge->node) != 0)
		refuse(a, REFUSE_IDENTITY, "the certificate is of another node", 0);
	else if (gateway->nodes.count >= gateway->options.sessions_max &&
		 !gateway_edge_of(gateway, edge->node))
		refuse(a, REFUSE_BUSY, "this cloud-hub has as many sessions as it may", BUSY_RETRY_MS);
	else if (is_registered(a))
		judge(a);
}

/* --- what happens --- */

void admission_take(struct admission *admission, struct edge *edge, const Tunnel__Hello *hello)
{
	struct applicant *a = calloc(1, sizeof(*a));

	if (!a) {
		edge_refuse(edge, REFUSE_BUSY, "out of memory", STORE_RETRY_MS);
		return;
	}
	*a = (struct applicant){ .admission = admission, .edge = edge, .hello = hello };
	edge_ref(edge);
	list_push(&admission->applicants, &a->node);
	decide(a);
	sweep(admission);
}

void admission_alive(struct admission *admission, struct edge *edge)
{
	struct applicant *a = find(admission, edge);

	if (!a || a->state != ASKED)
		return;
	a->alive = true;
	decide(a);
	sweep(admission);
}

void admission_gone(struct admission *admission, struct edge *edge)
{
	struct applicant *a = find(admission, edge);

	if (a && (a->state == WAITING || a->state == ASKED))
		dismiss(a);
	sweep(admission);
}

void admission_drop(struct admission *admission, const char *node, enum refuse_reason reason,
		    const char *text)
{
	list_for_each(&admission->applicants, link) {
		struct applicant *a = applicant_of(link);

		if (strcmp(a->edge->node, node) != 0 || a->edge->state == EDGE_CLOSED)
			continue;
		if (a->state == WRITING) /* ends with the write, and finds that it was refused */
			edge_refuse(a->edge, reason, text, 0);
		else
			refuse(a, reason, text, 0);
	}
	sweep(admission);
}

int admission_new(struct gateway *gateway, struct admission **out)
{
	struct admission *admission = calloc(1, sizeof(*admission));

	if (!admission)
		return -ENOMEM;
	admission->gateway = gateway;
	list_init(&admission->applicants);
	list_init(&admission->dismissed);
	*out = admission;
	return 0;
}

void admission_free(struct admission *admission)
{
	if (!admission)
		return;
	list_for_each(&admission->applicants, node) {
		struct applicant *a = applicant_of(node);

		if (a->state != WRITING) {
			dismiss(a);
			continue;
		}
		list_remove(&admission->applicants, node); /* ends with the write */
		a->admission = NULL;
	}
	sweep(admission);
	free(admission);
}
