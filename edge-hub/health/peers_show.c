/* What a person and a program may know of it. */
#include "edge-hub/health/checks.h"
#include "edge-hub/health/peers_internal.h"

#include <errno.h>

enum detector_view peers_view(const struct peers *peers, const char *name)
{
	struct detector_sight sight;

	return peers && peers->detector && detector_sight(peers->detector, name, &sight) ? sight.view
											 : DETECTOR_UNKNOWN;
}

unsigned peers_port(const struct peers *peers)
{
	const char *colon = peers->udp ? strrchr(udp_address(peers->udp), ':') : NULL;
	uint64_t port = 0;

	return colon && !span_to_u64(span_of(colon + 1), &port) ? (unsigned)port : 0;
}

bool peers_has_majority(const struct peers *peers)
{
	return peers->detector && detector_has_majority(peers->detector);
}

bool peers_fence_ms(const struct peers *peers, unsigned *out_ms)
{
	const struct roster *roster = peers->membership.roster;

	if (!roster)
		return false;
	*out_ms = roster->settings.fence_ms;
	if (!roster->settings.evict_small && roster_find(roster, peers->options.node) &&
	    roster_electors(roster, peers->options.node) < 2)
		*out_ms = 0;
	return true;
}

bool peers_majority_proof(const struct peers *peers, uint64_t *out_ms)
{
	return peers->detector && detector_majority_proof(peers->detector, out_ms);
}

bool peers_majority_settled(const struct peers *peers, uint64_t *out_ms)
{
	return peers->detector && detector_majority_settled(peers->detector, out_ms);
}

const char *peers_roster(const struct peers *peers, uint64_t *out_version)
{
	const struct roster *roster = peers->membership.roster;

	*out_version = roster ? roster->version : 0;
	return roster ? roster->region : "";
}

void peers_stats(const struct peers *peers, struct peers_stats *out)
{
	const struct roster *roster = peers->membership.roster;
	struct udp_stats udp = { 0 };

	*out = peers->stats;
	if (peers->udp)
		udp_stats(peers->udp, &udp);
	out->sent = udp.sent;
	out->received = udp.received;
	out->bytes_sent = udp.bytes_sent;
	out->bytes_received = udp.bytes_received;
	out->send_errors = udp.send_errors;
	if (peers->detector)
		detector_stats(peers->detector, &out->detector);
	for (size_t i = 0; peers->envelope && i < ENVELOPE_REFUSALS; i++)
		out->refused[i] += envelope_counts(peers->envelope)[i];
	out->roster_version = roster ? roster->version : 0;
	out->is_member = roster && roster_find(roster, peers->options.node);
}

static void add_text(struct buf *out, const char *name, const char *value)
{
	buf_addf(out, ",\"%s\":", name);
	buf_add_json_str(out, span_of(value));
}

static void add_said(const struct peers *peers, const char *name, struct buf *out)
{
	enum verdict_word word;
	uint64_t said_ms;

	if (!voter_is_wanted(peers->voter, name))
		return;
	buf_add_str(out, ",\"wanted\":true");
	if (!voter_said(peers->voter, name, &word, &said_ms))
		return;
	add_text(out, "verdict", verdict_word_name(word));
	buf_addf(out, ",\"verdictSecondsAgo\":%llu",
		 (unsigned long long)((peers_now(peers) - said_ms) / 1000));
}

static void add_member(const struct peers *peers, const struct roster_member *member, struct buf *out)
{
	bool is_self = strcmp(member->name, peers->options.node) == 0;
	struct detector_sight sight = { .view = DETECTOR_UNKNOWN };

	buf_add_str(out, "{\"name\":");
	buf_add_json_str(out, span_of(member->name));
	add_text(out, "address", member->address_count ? member->addresses[0] : "");
	buf_addf(out, ",\"maintenance\":%s", member->in_maintenance ? "true" : "false");
	if (is_self) {
		add_text(out, "view", "self");
		buf_addf(out, ",\"tunnel\":%s", peers->tunnel_up ? "true" : "false");
	} else {
		(void)detector_sight(peers->detector, member->name, &sight);
		add_text(out, "view", detector_view_name(sight.view));
		buf_addf(out, ",\"secondsInView\":%llu,\"tunnel\":%s,\"rttMicros\":%u",
			 (unsigned long long)((peers_now(peers) - sight.since_ms) / 1000),
			 sight.has_tunnel && sight.view == DETECTOR_ALIVE ? "true" : "false", sight.rtt_us);
		add_said(peers, member->name, out);
	}
	buf_add_char(out, '}');
}

void peers_write(const struct peers *peers, struct buf *out)
{
	const struct roster *roster = peers->membership.roster;
	struct peers_stats s;

	peers_stats(peers, &s);
	buf_addf(out, "{\"listening\":%s,\"member\":%s", s.is_listening ? "true" : "false",
		 s.is_member ? "true" : "false");
	add_text(out, "address", peers->udp ? udp_address(peers->udp) : "");
	add_text(out, "region", peers->region);
	buf_addf(out,
		 ",\"rosterVersion\":%llu,\"keyGeneration\":%u,\"majority\":%s,\"trouble\":%u,"
		 "\"localHealthMultiplier\":%u,\"members\":[",
		 (unsigned long long)s.roster_version, (unsigned)s.key_generation,
		 peers_has_majority(peers) ? "true" : "false", peers->trouble, s.detector.score);
	for (size_t i = 0; peers->detector && i < roster->count; i++) {
		if (i)
			buf_add_char(out, ',');
		add_member(peers, &roster->members[i], out);
	}
	buf_add_str(out, "]");
	if (peers->options.score) {
		buf_add_str(out, ",\"self\":");
		checks_write(peers->options.score, out);
	}
	buf_add_str(out, "}");
}
