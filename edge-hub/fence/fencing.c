#include "edge-hub/fence/fencing.h"

#include "base/files.h"
#include "base/hash.h"
#include "base/log.h"
#include "edge-hub/fence/guard.h"
#include "edge-hub/fence/kept.h"
#include "edge-hub/fence/limit.h"
#include "healthcheck/fence.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MODULE "fence"
#define IDLE_MS 10000u /* between looks while nothing must run only once */
#define LOOK_MS 5000u  /* while something does: timers stand still while the machine is suspended */
#define ALONE_MS 1000u /* and there is no fresh word of the cloud */
#define GUARD_LOOK_MS 5000u
#define SETTLE_RETRY_MS 60000u

struct fencing {
	struct fencing_options options;
	struct uplink *uplink;
	struct timer *timer;
	struct fence fence;
	struct limit limit;
	uint64_t deadline_ms, since_ms, closings;
	char record_path[128];
	int record_fd; /* -1: there can be none */
	struct record_writer writer;
	struct record_head written;
	struct buf groups; /* of the pods that run or are about to */
	struct buf
		inherited; /* of those that a hub before this one guarded, until it is known which there are */
	uint64_t guard_looked_ms, settle_retry_ms;
	bool is_guarded, is_reconciled;
	struct kept kept;
};

static uint64_t now_of(const struct fencing *f)
{
	return loop_now_ms(f->options.loop);
}

/* --- the record and the guard --- */

static bool is_armed(const struct fencing *f)
{
	return f->limit.in_force_ms && f->groups.len;
}

static void write_head(struct fencing *f, bool is_news, uint64_t now)
{
	struct record_head head = { .armed = is_armed(f),
				    .proof_ms = f->written.proof_ms,
				    .limit_ms = f->limit.in_force_ms };
	bool is_sooner = head.armed != f->written.armed || head.limit_ms < f->written.limit_ms;
	int code;

	if (f->record_fd < 0 || !f->is_reconciled)
		return;
	/* What was proven while it was closed opens nothing, for the next hub neither. */
	if (f->fence.state == FENCE_OPEN)
		head.proof_ms = f->fence.proof_ms;
	else if (!head.proof_ms && now > head.limit_ms) /* over as of now: this hub ends them first */
		head.proof_ms = now - head.limit_ms;
	if (!is_news && head.armed == f->written.armed && head.proof_ms == f->written.proof_ms &&
	    head.limit_ms == f->written.limit_ms)
		return;
	code = record_write_head(&f->writer, &head);
	if (code) {
		log_error(MODULE, "record-not-written", "path=%s error=\"%s\"", f->record_path,
			  strerror(-code));
		return;
	}
	f->written = head;
	if (is_sooner || is_news)
		guard_tell(f->record_path);
}

static void see_to_guard(struct fencing *f, uint64_t now)
{
	int code;

	if (f->options.no_guard || f->record_fd < 0)
		return;
	if (!is_armed(f)) {
		f->is_guarded = false;
		return;
	}
	if (f->is_guarded && now < f->guard_looked_ms + GUARD_LOOK_MS)
		return;
	f->guard_looked_ms = now;
	code = guard_ensure(f->record_path);
	if (code && code != -EAGAIN)
		log_error(MODULE, "no-guard",
			  "error=\"%s\": should this hub hang, nobody ends what must run only once",
			  strerror(-code));
	f->is_guarded = !code;
}

static int add_group(void *ctx, const char *cgroup)
{
	struct fencing *f = ctx;

	return buf_add(&f->groups, cgroup, strlen(cgroup) + 1);
}

/* Before anything of a new pod is started: its processes are known to the guard from the first one on. */
static void on_exclusive(void *ctx)
{
	struct fencing *f = ctx;
	int code;

	f->is_reconciled = true;
	buf_reset(&f->groups);
	code = agent_exclusive(f->options.agent, add_group, f);
	if (!code)
		code = buf_add_span(&f->groups, buf_span(&f->inherited)); /* twice the same does no harm */
	if (!code && f->record_fd >= 0)
		code = record_write_groups(&f->writer, buf_span(&f->groups));
	if (code)
		log_error(MODULE, "pods-not-guarded", "error=\"%s\"", strerror(-code));
	write_head(f, true, now_of(f));
	see_to_guard(f, now_of(f));
	fencing_look(f);
}

/* What a hub before this one guarded and is no more. A pod whose row was lost with the replica is not known to be one that must run only once,
 * and goes on: so as long as not all pods have been told, what was guarded stays so. */
static void reconcile(struct fencing *f)
{
	struct agent_stats stats;
	bool is_news = !f->is_reconciled;

	agent_stats(f->options.agent, &stats);
	if (!stats.listings)
		return;
	if (f->inherited.len && stats.complete) {
		buf_reset(&f->inherited);
		is_news = true;
	}
	if (is_news)
		on_exclusive(f);
}

/* --- T --- */

/* Whether the cloud knows that this node keeps what it has. */
static void keep_off(struct fencing *f, bool is_off)
{
	int code = kept_set_off(&f->kept, is_off);

	if (code)
		log_error(MODULE, "mode-not-kept", "path=%s error=\"%s\"", f->kept.path, strerror(-code));
}

static void tell(struct fencing *f)
{
	/* A T is told only when this node goes by it after every restart. */
	if (f->uplink)
		uplink_set_fence(f->uplink, f->kept.is_off ? 0 : f->limit.told_ms);
}

static void step_limit(struct fencing *f, uint64_t tunnel_proof_ms, uint64_t now)
{
	unsigned before = f->limit.in_force_ms, wanted;

	/* While the region is not known it stays as it was. */
	if (f->options.peers && peers_fence_ms(f->options.peers, &wanted) &&
	    limit_step(&f->limit, wanted, tunnel_proof_ms, now)) {
		log_info(MODULE, "limit", "seconds=%u was=%u", f->limit.in_force_ms / 1000, before / 1000);
		if (!f->limit.in_force_ms)
			keep_off(f, true);
	}
	if (f->limit.in_force_ms && f->kept.is_off)
		keep_off(f, false);
	fence_set_limit(&f->fence,
			f->limit.in_force_ms ? f->limit.in_force_ms : health_settings_default.fence_ms);
	tell(f);
}

/* --- the fence --- */

/* Which roster says that nothing was given away, and whether the region says so. On the disk only where there is something to gain. */
static void settle(struct fencing *f, bool is_caught_up, uint64_t now)
{
	struct agent_stats stats;
	uint64_t version, proof;
	const char *region;
	int code;

	if (!f->options.peers)
		return;
	agent_stats(f->options.agent, &stats);
	region = peers_roster(f->options.peers, &version);
	if (is_caught_up && region[0] && stats.exclusive && now >= f->settle_retry_ms) {
		code = kept_set_settled(&f->kept, region, version);
		if (code) {
			log_warn(MODULE, "roster-not-kept", "error=\"%s\"", strerror(-code));
			f->settle_retry_ms = now + SETTLE_RETRY_MS;
		} else {
			peers_set_settled(f->options.peers, region, version);
		}
	}
	if (peers_majority_settled(f->options.peers, &proof))
		fence_settled(&f->fence, proof);
}

static void feed(struct fencing *f, uint64_t now)
{
	struct uplink_status link = { .state = LINK_STOPPED };
	uint64_t proof = 0;
	bool is_up, is_caught_up, is_with;

	if (f->uplink)
		uplink_status(f->uplink, &link);
	is_up = link.state == LINK_READY;
	step_limit(f, link.proof_ms, now);
	is_caught_up = is_up && repl_sink_synced(f->options.sink);
	fence_tunnel(&f->fence, is_up, is_caught_up, link.proof_ms);
	is_with = f->options.peers && peers_majority_proof(f->options.peers, &proof);
	fence_majority(&f->fence, is_with, proof);
	settle(f, is_up && is_caught_up, now);
}

static void changed(struct fencing *f, uint64_t now)
{
	struct agent_stats stats;

	agent_stats(f->options.agent, &stats);
	f->since_ms = now;
	if (f->fence.state == FENCE_OPEN) {
		log_info(MODULE, "open", "pods=%u limit_seconds=%u", stats.exclusive,
			 f->limit.in_force_ms / 1000);
		return;
	}
	f->closings++;
	log_warn(MODULE, "closed",
		 "pods=%u limit_seconds=%u: neither the cloud nor most of the region was heard for so long",
		 stats.exclusive, f->limit.in_force_ms / 1000);
	/* A tunnel that says nothing: what the cloud decided meanwhile comes with a new one. */
	if (f->fence.has_tunnel && f->uplink)
		uplink_redial(f->uplink);
}

/* Every neighbour is asked often enough only while it matters: there is something to keep, and the cloud does not vouch for it. */
static bool call_the_roll(struct fencing *f, bool has_pods, uint64_t now)
{
	struct uplink_status link = { .state = LINK_STOPPED };
	unsigned limit = f->limit.in_force_ms;
	bool is_alone;

	if (f->uplink)
		uplink_status(f->uplink, &link);
	is_alone = limit && has_pods && now > link.proof_ms + limit / 3;
	if (f->options.peers)
		peers_roll_call(f->options.peers, is_alone ? limit / 4 : 0);
	return is_alone;
}

static void step(struct fencing *f)
{
	uint64_t now = now_of(f), next;
	enum fence_state before = f->fence.state;
	struct agent_stats stats;
	bool is_alone, has_pods;

	feed(f, now);
	if (fence_step(&f->fence, now, &f->deadline_ms) != before)
		changed(f, now);
	agent_fence(f->options.agent, f->limit.in_force_ms && f->fence.state == FENCE_CLOSED);
	reconcile(f);
	write_head(f, false, now);
	see_to_guard(f, now);
	agent_stats(f->options.agent, &stats);
	has_pods = stats.exclusive || f->inherited.len;
	is_alone = call_the_roll(f, has_pods, now);
	next = is_alone ? ALONE_MS : has_pods || f->limit.told_off_ms ? LOOK_MS : IDLE_MS;
	if (f->deadline_ms != UINT64_MAX && f->deadline_ms < now + next)
		next = f->deadline_ms > now ? f->deadline_ms - now : 0;
	timer_start(f->timer, next);
}

static void on_timer(void *ctx)
{
	step(ctx);
}

void fencing_look(struct fencing *f)
{
	timer_start(f->timer, 0);
}

/* --- life --- */

static int record_path(const char *run_dir, const char *data_dir, char *out, size_t size)
{
	char whole[PATH_MAX];

	if (file_absolute(data_dir, whole, sizeof(whole)) ||
	    snprintf(out, size, "%s/fence-%016" PRIx64, run_dir ? run_dir : FENCING_RUN_DIR,
		     hash64(span_of(whole), 0)) >= (int)size)
		return -ENAMETOOLONG;
	return 0;
}

void fencing_forget(const char *data_dir)
{
	struct record_writer writer;
	char path[128];
	int fd;

	if (record_path(NULL, data_dir, path, sizeof(path)) || access(path, F_OK) || record_open(path, &fd))
		return;
	record_writer_init(&writer, fd, "");
	if (!record_write_head(&writer, &(struct record_head){ .armed = false }))
		guard_tell(path);
	close(fd);
	(void)unlink(path); /* what is left of it goes with the boot */
}

static int open_paths(struct fencing *f, struct err *err)
{
	if (kept_open(f->options.data_dir, &f->kept) ||
	    record_path(f->options.run_dir, f->options.data_dir, f->record_path, sizeof(f->record_path)))
		return err_set(err, -ENAMETOOLONG, "the data directory's name is too long");
	return 0;
}

static void take_over(struct fencing *f, const struct record *record)
{
	f->written = record->head;
	if (buf_add(&f->inherited, record->groups, record->groups_len))
		log_error(MODULE, "pods-not-guarded", "error=\"out of memory\"");
}

/* What the last hub of this boot has left. */
static void open_record(struct fencing *f)
{
	struct record *record = malloc(sizeof(*record));
	int code = record ? record_open(f->record_path, &f->record_fd) : -ENOMEM;

	if (code) {
		log_error(MODULE, "no-record",
			  "path=%s error=\"%s\": what must run only once ends with this hub's next start",
			  f->record_path, strerror(-code));
	} else {
		record_writer_init(&f->writer, f->record_fd, f->options.boot_id);
		if (!record_read(f->record_fd, f->options.boot_id, record) && record->head.armed)
			take_over(f, record);
	}
	free(record);
}

int fencing_new(const struct fencing_options *options, struct fencing **out, struct err *err)
{
	struct fencing *f = calloc(1, sizeof(*f));

	if (!f)
		return err_set(err, -ENOMEM, "out of memory");
	f->options = *options;
	f->record_fd = -1;
	buf_init(&f->groups, RECORD_GROUPS_MAX);
	buf_init(&f->inherited, RECORD_GROUPS_MAX);
	if (timer_new(options->loop, on_timer, f, &f->timer) || open_paths(f, err)) {
		fencing_free(f);
		return err->code ? err->code : err_set(err, -ENOMEM, "out of memory");
	}
	open_record(f);
	limit_init(&f->limit, f->written.limit_ms, f->kept.is_off, options->ping_interval_ms);
	if (options->peers)
		peers_set_settled(options->peers, f->kept.region, f->kept.settled);
	fence_init(&f->fence, f->limit.in_force_ms, f->written.proof_ms);
	f->since_ms = now_of(f);
	agent_on_exclusive(options->agent, on_exclusive, f);
	step(f);
	*out = f;
	return 0;
}

void fencing_uplink(struct fencing *f, struct uplink *uplink)
{
	f->uplink = uplink;
	tell(f);
}

void fencing_forget_peers(struct fencing *f)
{
	f->options.peers = NULL;
}

void fencing_free(struct fencing *f)
{
	if (!f)
		return;
	agent_on_exclusive(f->options.agent, NULL, NULL);
	timer_close(f->timer);
	if (f->record_fd >= 0)
		close(f->record_fd);
	buf_done(&f->groups);
	buf_done(&f->inherited);
	free(f);
}

/* --- what a person and a program may know --- */

void fencing_status(const struct fencing *f, struct fencing_status *out)
{
	uint64_t now = now_of(f);
	struct agent_stats stats;

	agent_stats(f->options.agent, &stats);
	*out = (struct fencing_status){
		.is_open = f->fence.state == FENCE_OPEN,
		.limit_ms = f->limit.in_force_ms,
		.left_ms = f->deadline_ms != UINT64_MAX && f->deadline_ms > now ? f->deadline_ms - now : 0,
		.since_ms = now - f->since_ms,
		.proof_age_ms = f->fence.proof_ms ? now - f->fence.proof_ms : UINT64_MAX,
		.pods = stats.exclusive,
		.is_guarded = f->is_guarded,
		.closings = f->closings,
	};
}

void fencing_write(const struct fencing *f, struct buf *out)
{
	struct fencing_status s;

	fencing_status(f, &s);
	buf_addf(out,
		 "{\"state\":\"%s\",\"limitSeconds\":%u,\"openForSeconds\":%llu,\"secondsInState\":%llu,"
		 "\"proofSecondsAgo\":%lld,\"exclusivePods\":%u,\"guard\":%s,\"closings\":%llu}",
		 !s.limit_ms ? "off"
		 : s.is_open ? "open"
			     : "closed",
		 s.limit_ms / 1000, (unsigned long long)(s.left_ms / 1000),
		 (unsigned long long)(s.since_ms / 1000),
		 s.proof_age_ms == UINT64_MAX ? -1LL : (long long)(s.proof_age_ms / 1000), s.pods,
		 s.is_guarded ? "true" : "false", (unsigned long long)s.closings);
}
