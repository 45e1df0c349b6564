/* What members pass on: suspicions, refutations, wants and verdicts. Rumours ride on every datagram, and while there is something new
 * a few extra ones are sent, so that a rumour reaches everybody within a few hundred milliseconds. */
#include "healthcheck/detector_internal.h"
#include "healthcheck/verdict.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REMIND_SCAN 16u
#define REMIND_ITEMS 2u
#define REFUTE_MS 300u /* not more often than this: all suspicions that came meanwhile are answered at once */

static unsigned times_to_send(const struct detector *d)
{
	return (unsigned)ceil(DETECTOR_GOSSIP_FACTOR * log10((double)d->roster->count + 1));
}

static bool says_the_same(const struct datagram_item *a, const struct datagram_item *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == DATAGRAM_VERDICT)
		return verdict_is_same(a->verdict, b->verdict);
	return memcmp(a->about, b->about, ROSTER_ID_SIZE) == 0 &&
	       (!(a->type == DATAGRAM_SUSPECT || a->type == DATAGRAM_GONE) ||
		memcmp(a->from, b->from, ROSTER_ID_SIZE) == 0);
}

static struct rumour *find(const struct detector *d, const struct datagram_item *item)
{
	list_for_each(&d->rumours, node)
		if (says_the_same(&container_of(node, struct rumour, node)->item, item))
			return container_of(node, struct rumour, node);
	return NULL;
}

void gossip_drop(struct detector *d)
{
	struct list_node *node;

	while ((node = list_pop(&d->rumours)))
		free(container_of(node, struct rumour, node));
}

void gossip_add(struct detector *d, const struct datagram_item *item, bool to_tunnels, uint64_t now_ms)
{
	struct rumour *rumour = find(d, item); /* an older word on the same makes room */

	if (!rumour && d->rumours.count >= DETECTOR_GOSSIP_MAX) /* the last one was sent most often */
		rumour = container_of(d->rumours.head.prev, struct rumour, node);
	if (rumour)
		list_remove(&d->rumours, &rumour->node);
	else
		rumour = malloc(sizeof(*rumour));
	if (!rumour)
		return;
	*rumour = (struct rumour){
		.item = *item, .left = times_to_send(d), .to_tunnels = to_tunnels, .made_ms = now_ms
	};
	if (item->type == DATAGRAM_VERDICT) {
		memcpy(rumour->verdict, item->verdict.ptr, item->verdict.len);
		rumour->item.verdict = span_make(rumour->verdict, item->verdict.len);
	}
	list_push_front(&d->rumours, &rumour->node);
	if (!d->burst.slot && timerq_set(&d->timers, &d->burst, now_ms))
		return; /* it rides on what is sent anyway */
}

/* A rumour may have missed somebody: for a while everything sent also names one or two of those this node holds for gone. */
static void remind(struct detector *d, struct datagram *out)
{
	size_t added = 0;

	if (d->now_ms > d->remind_until_ms)
		return;
	for (size_t i = 0; i < REMIND_SCAN && i < d->order_count && added < REMIND_ITEMS; i++) {
		size_t index = d->order[d->reminded++ % d->order_count];
		const struct peer *peer = d->peers[index];
		struct datagram_item *item;

		if ((peer->view != DETECTOR_DEAD && peer->view != DETECTOR_AGENT_DOWN) ||
		    d->now_ms > peer->since_ms + DETECTOR_REMIND_MS || out->item_count == DATAGRAM_ITEMS_MAX)
			continue;
		item = &out->items[out->item_count++];
		*item = (struct datagram_item){ .type = peer->view == DETECTOR_DEAD ? DATAGRAM_GONE
										    : DATAGRAM_SUSPECT,
						.incarnation = peer->incarnation };
		memcpy(item->about, peer->member->id, ROSTER_ID_SIZE);
		memcpy(item->from, d->self_id, ROSTER_ID_SIZE);
		added++;
	}
}

void gossip_fill(struct detector *d, size_t to, struct datagram *out)
{
	size_t room = DATAGRAM_PLAIN_MAX - 24;
	struct list sent;

	list_init(&sent);
	list_for_each(&d->rumours, node) {
		struct rumour *rumour = container_of(node, struct rumour, node);
		size_t size = 2 + (rumour->item.type == DATAGRAM_VERDICT ? rumour->item.verdict.len : 84);

		if (out->item_count == DATAGRAM_ITEMS_MAX || size > room)
			break;
		if (rumour->to_tunnels && !d->peers[to]->has_tunnel)
			continue;
		room -= size;
		out->items[out->item_count] = rumour->item;
		if (rumour->item.type == DATAGRAM_VERDICT) { /* the rumour may go before the datagram does */
			memcpy(d->out_verdicts[out->item_count], rumour->verdict, sizeof(rumour->verdict));
			verdict_kept(d->out_verdicts[out->item_count], rumour->item.verdict.len,
				     d->now_ms > rumour->made_ms ? d->now_ms - rumour->made_ms : 0);
			out->items[out->item_count].verdict =
				span_make(d->out_verdicts[out->item_count], rumour->item.verdict.len);
		}
		out->item_count++;
		list_remove(&d->rumours, &rumour->node);
		list_push(&sent, &rumour->node);
	}
	for (struct list_node *node = list_pop(&sent); node; node = list_pop(&sent)) {
		struct rumour *rumour = container_of(node, struct rumour, node);

		if (--rumour->left)
			list_push(&d->rumours, node); /* behind those that were sent less often */
		else
			free(rumour);
	}
	remind(d, out);
}

void gossip_burst(struct detector *d, uint64_t now_ms)
{
	size_t to[DETECTOR_FANOUT], count = detector_pick(d, SIZE_MAX, false, DETECTOR_FANOUT, to);

	if (!d->rumours.count)
		return;
	for (size_t i = 0; i < count; i++)
		detector_send(d, to[i], detector_address(d->peers[to[i]]), DATAGRAM_PING, 0,
			      d->roster->members[to[i]].id);
	if (count && timerq_set(&d->timers, &d->burst, now_ms + DETECTOR_GOSSIP_MS))
		return;
}

void gossip_suspect(struct detector *d, size_t index, enum datagram_item_type type, uint64_t now_ms)
{
	struct datagram_item item = { .type = type, .incarnation = d->peers[index]->incarnation };

	/* Enough have said so already. */
	if (d->peers[index]->confirmers >= DETECTOR_CONFIRMATIONS && !d->options.no_dogpile)
		return;
	memcpy(item.about, d->roster->members[index].id, ROSTER_ID_SIZE);
	memcpy(item.from, d->self_id, ROSTER_ID_SIZE);
	gossip_add(d, &item, false, now_ms);
}

/* --- what is heard --- */

static struct task *new_task(struct detector *d, enum detector_action_type type, size_t about,
			     const struct datagram_item *item)
{
	struct task *task = d->tasks.count < DETECTOR_TASKS_MAX ? calloc(1, sizeof(*task)) : NULL;

	if (!task)
		return NULL; /* rumours come again */
	task->type = type;
	task->about = about;
	if (item) {
		task->item = *item;
		if (item->type == DATAGRAM_VERDICT)
			memcpy(task->verdict, item->verdict.ptr, item->verdict.len);
	}
	list_push(&d->tasks, &task->node);
	return task;
}

static void about_me(struct detector *d, const struct datagram_item *item, uint64_t now_ms)
{
	struct task *task;

	if (item->incarnation < d->incarnation || now_ms < d->refuted_ms)
		return; /* answered already */
	task = new_task(d, DETECTOR_REFUTE, 0, NULL);
	if (!task)
		return;
	task->incarnation = item->incarnation + 1;
	d->refuted_ms = now_ms + REFUTE_MS;
	detector_score(d, 1); /* Lifeguard: to be suspected is a sign of being slow */
}

static void hear_suspect(struct detector *d, const struct datagram_item *item, uint64_t now_ms)
{
	const struct roster_member *about = roster_find_id(d->roster, item->about);
	struct peer *peer;
	size_t index;

	if (memcmp(item->about, d->self_id, ROSTER_ID_SIZE) == 0) {
		about_me(d, item, now_ms);
		return;
	}
	if (!about)
		return;
	index = detector_index(d, about);
	peer = d->peers[index];
	if (item->incarnation < peer->incarnation) {
		/* Who says so missed a refutation: no voice. It may have gone since all the same. */
		if (peer->view == DETECTOR_ALIVE &&
		    now_ms > peer->heard_ms + d->roster->settings.probe_interval_ms)
			detector_probe_prompt(d, index, now_ms);
		return;
	}
	if (peer->view == DETECTOR_AGENT_DOWN && item->type == DATAGRAM_GONE &&
	    now_ms > peer->probe.sent_ms + d->roster->settings.probe_interval_ms)
		detector_probe_prompt(d, index, now_ms);
	if (peer->view != DETECTOR_ALIVE && peer->view != DETECTOR_SUSPECT)
		return;
	/* A suspicion is passed on by who hears it first, as long as it adds a voice. */
	for (size_t i = 0; i < peer->confirmers; i++)
		if (memcmp(peer->confirmer[i], item->from, ROSTER_ID_SIZE) == 0)
			return;
	if (peer->confirmers == DETECTOR_CONFIRMATIONS)
		return;
	detector_probe_confirmed(d, peer, item->from, now_ms);
	gossip_add(d, item, false, now_ms);
	if (d->options.gossip_is_evidence && peer->view == DETECTOR_ALIVE)
		detector_probe_adopt(d, index, now_ms);
	else if (peer->view == DETECTOR_ALIVE)
		detector_probe_prompt(d, index, now_ms);
}

static void hear_alive(struct detector *d, const struct datagram_item *item)
{
	const struct roster_member *about = roster_find_id(d->roster, item->about);
	const struct peer *peer;

	if (!about || memcmp(item->about, d->self_id, ROSTER_ID_SIZE) == 0)
		return;
	peer = d->peers[detector_index(d, about)];
	if (item->start < peer->start ||
	    (item->start == peer->start && item->incarnation <= peer->incarnation))
		return; /* old, or a replay */
	(void)new_task(d, DETECTOR_VERIFY, detector_index(d, about), item);
}

static void hear_want(struct detector *d, const struct datagram_item *item, uint64_t now_ms)
{
	const struct roster_member *about = roster_find_id(d->roster, item->about);
	struct peer *peer = about ? d->peers[detector_index(d, about)] : NULL;

	/* It is said again once a lifetime while it is wanted; what comes sooner is the echo, which would never end. */
	if (!peer ||
	    (peer->wanted_ms && now_ms < peer->wanted_ms + d->roster->settings.verdict_ttl_ms * 3ull / 4))
		return;
	if (!new_task(d, DETECTOR_WANTED, detector_index(d, about), item))
		return;
	peer->wanted_ms = now_ms;
	gossip_add(d, item, false, now_ms);
}

static void hear_back(struct detector *d, const struct datagram_item *item, uint64_t now_ms)
{
	const struct roster_member *about = roster_find_id(d->roster, item->about);
	size_t index;

	if (!about)
		return;
	index = detector_index(d, about);
	if (d->peers[index]->view == DETECTOR_ALIVE || detector_is_self(d, index) || find(d, item))
		return;
	gossip_add(d, item, false, now_ms);
	detector_probe_prompt(d, index, now_ms);
}

void gossip_back(struct detector *d, size_t index, uint64_t now_ms)
{
	struct datagram_item item = { .type = DATAGRAM_BACK, .start = d->peers[index]->start };

	memcpy(item.about, d->roster->members[index].id, ROSTER_ID_SIZE);
	if (!find(d, &item))
		gossip_add(d, &item, false, now_ms);
}

static void hear_verdict(struct detector *d, const struct datagram_item *item, uint64_t now_ms)
{
	if (d->has_tunnel)
		(void)new_task(d, DETECTOR_CARRY, 0, item);
	else if (!find(d, item))
		gossip_add(d, item, true, now_ms);
}

void gossip_take(struct detector *d, size_t from, const struct datagram *datagram, uint64_t now_ms)
{
	(void)from;
	for (size_t i = 0; i < datagram->item_count; i++) {
		const struct datagram_item *item = &datagram->items[i];

		switch (item->type) {
		case DATAGRAM_SUSPECT:
		case DATAGRAM_GONE: hear_suspect(d, item, now_ms); break;
		case DATAGRAM_ALIVE: hear_alive(d, item); break;
		case DATAGRAM_WANT: hear_want(d, item, now_ms); break;
		case DATAGRAM_VERDICT: hear_verdict(d, item, now_ms); break;
		case DATAGRAM_BACK: hear_back(d, item, now_ms); break;
		}
	}
}

void detector_refuted(struct detector *d, uint32_t incarnation, struct span signature, uint64_t now_ms)
{
	struct datagram_item item = { .type = DATAGRAM_ALIVE,
				      .incarnation = incarnation,
				      .start = d->options.start };

	if (incarnation <= d->incarnation || !d->roster || !signature.len ||
	    signature.len > DATAGRAM_SIGNATURE_MAX)
		return;
	d->incarnation = incarnation;
	d->stats.refutations++;
	memcpy(item.about, d->self_id, ROSTER_ID_SIZE);
	memcpy(item.signature, signature.ptr, signature.len);
	item.signature_len = signature.len;
	gossip_add(d, &item, false, now_ms);
}

void detector_verified(struct detector *d, const struct roster_member *member,
		       const struct datagram_item *item, uint64_t now_ms)
{
	const struct roster_member *about = roster_find_id(d->roster, member->id);
	struct peer *peer;

	if (!about)
		return;
	peer = d->peers[detector_index(d, about)];
	if (item->start < peer->start ||
	    (item->start == peer->start && item->incarnation <= peer->incarnation))
		return;
	peer->start = item->start;
	peer->incarnation = item->incarnation;
	gossip_add(d, item, false, now_ms);
	detector_probe_forgive(d, detector_index(d, about), now_ms);
}

int detector_say_want(struct detector *d, const char *name, uint64_t now_ms)
{
	const struct roster_member *member = d->roster ? roster_find(d->roster, name) : NULL;
	struct datagram_item item = { .type = DATAGRAM_WANT };

	if (!member)
		return -ENOENT;
	d->peers[detector_index(d, member)]->wanted_ms = now_ms;
	memcpy(item.about, member->id, ROSTER_ID_SIZE);
	gossip_add(d, &item, false, now_ms);
	return 0;
}

int detector_say_verdict(struct detector *d, struct span verdict, uint64_t now_ms)
{
	struct datagram_item item = { .type = DATAGRAM_VERDICT, .verdict = verdict };

	if (!verdict.len || verdict.len > DATAGRAM_VERDICT_MAX)
		return -EMSGSIZE;
	if (!d->roster)
		return -ENOENT;
	gossip_add(d, &item, true, now_ms);
	return 0;
}
