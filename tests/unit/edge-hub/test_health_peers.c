/* The health of a region on real sockets: members see each other, also without datagrams; what is forged, replayed or tampered with changes
 * nothing; a member that slept through a change of the key gets it from its neighbours; the cloud hears signed words. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/edge-hub/region_world.h"

static enum detector_view view(const struct world *w, unsigned of, unsigned about)
{
	return peers_view(w->nodes[of].peers, w->nodes[about].name);
}

static bool all_see_all(struct world *w)
{
	for (unsigned i = 0; i < w->count; i++)
		for (unsigned j = 0; w->nodes[i].peers && j < w->count; j++)
			if (i != j && w->nodes[j].peers && view(w, i, j) != DETECTOR_ALIVE)
				return false;
	return true;
}

static struct world *region_of(unsigned nodes)
{
	struct world *w = world_new(nodes);

	for (unsigned i = 0; i < nodes; i++)
		world_start(w, &w->nodes[i], 1);
	for (unsigned i = 0; i < nodes; i++)
		world_roster(w, &w->nodes[i], 1, 1, 1);
	return w;
}

static void regions_of_any_size_see_all_their_members(void **state)
{
	static const unsigned sizes[] = { 1, 2, 3, 7 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct world *w = region_of(sizes[i]);
		struct peers_stats stats;

		world_until(w, all_see_all);
		world_run(w, 50);
		peers_stats(w->nodes[0].peers, &stats);
		assert_true(stats.is_member);
		assert_int_equal(stats.key_generation, 1);
		world_free(w);
	}
}

static bool last_is_agent_down(struct world *w)
{
	for (unsigned i = 0; i + 1 < w->count; i++)
		if (view(w, i, w->count - 1) != DETECTOR_AGENT_DOWN)
			return false;
	return true;
}

static void stop(struct world_node *n)
{
	peers_free(n->peers);
	n->peers = NULL;
}

static void a_hub_that_is_gone_on_a_host_that_answers_is_agent_down_until_it_is_back(void **state)
{
	struct world *w = region_of(3);

	(void)state;
	world_until(w, all_see_all);
	stop(&w->nodes[2]);
	world_until(w, last_is_agent_down);
	world_start(w, &w->nodes[2], 2);
	world_until(w, all_see_all);
	world_free(w);
}

static void without_datagrams_tcp_keeps_a_member_alive(void **state)
{
	struct world *w = region_of(3);
	struct peers_stats stats;
	struct world_node *deaf;

	(void)state;
	world_until(w, all_see_all);
	deaf = &w->nodes[2];
	/* As a firewall does that drops UDP, both ways. */
	udp_close(deaf->peers->udp);
	deaf->peers->udp = NULL;
	world_run(w, 3000);
	assert_true(all_see_all(w));
	peers_stats(deaf->peers, &stats);
	assert_true(stats.tcp_answered > 5);
	world_free(w);
}

static bool all_heard_agent_down(struct world *w)
{
	struct electorate_count count;

	electorate_count(w->nodes[0].heard, w->nodes[3].name, peers_now(w->nodes[0].peers), &count);
	return count.word == ELECTORATE_AGENT_DOWN && count.agent_down == 3;
}

static void the_cloud_hears_everybody_through_one_that_it_reaches(void **state)
{
	struct world *w = world_new(4);
	const char *names[1];
	unsigned before;

	(void)state;
	w->nodes[1].no_tunnel = w->nodes[2].no_tunnel = w->nodes[3].no_tunnel = true;
	for (unsigned i = 0; i < w->count; i++)
		world_start(w, &w->nodes[i], 1);
	for (unsigned i = 0; i < w->count; i++)
		world_roster(w, &w->nodes[i], 1, 1, 1);
	world_until(w, all_see_all);
	world_run(w, 500);
	assert_int_equal(w->nodes[0].verdicts, 0); /* nobody asked */
	names[0] = w->nodes[3].name;
	peers_want(w->nodes[0].peers, names, 1);
	stop(&w->nodes[3]);
	world_until(w, all_heard_agent_down);
	assert_int_equal(w->nodes[0].bad, 0);
	assert_int_equal(w->nodes[1].verdicts, 0); /* it has no tunnel */
	/* They are said again before they expire. */
	world_run(w, 6000);
	world_until(w, all_heard_agent_down);
	/* Not wanted any more: after a while there is silence. */
	peers_want(w->nodes[0].peers, NULL, 0);
	world_run(w, 9000);
	before = w->nodes[0].verdicts;
	world_run(w, 1500);
	assert_int_equal(w->nodes[0].verdicts, before);
	world_free(w);
}

static bool third_has_the_new_key(struct world *w)
{
	struct peers_stats stats;

	peers_stats(w->nodes[2].peers, &stats);
	return stats.key_generation == 2;
}

static void a_member_that_missed_a_new_key_gets_it_from_its_neighbours(void **state)
{
	struct world *w = region_of(3);
	struct peers_stats stats;

	(void)state;
	world_until(w, all_see_all);
	world_roster(w, &w->nodes[0], 2, 1, 2);
	world_roster(w, &w->nodes[1], 2, 1, 2);
	world_until(w, third_has_the_new_key);
	peers_stats(w->nodes[2].peers, &stats);
	assert_int_equal(stats.keys_fetched, 1);
	world_run(w, 1500);
	assert_true(all_see_all(w));
	/* The roster that it goes by is still its own. */
	assert_int_equal(stats.roster_version, 1);
	/* And when the cloud is back it has the key once. */
	world_roster(w, &w->nodes[2], 2, 1, 2);
	world_run(w, 500);
	assert_true(all_see_all(w));
	peers_stats(w->nodes[2].peers, &stats);
	assert_int_equal(stats.key_generation, 2);
	assert_int_equal(stats.forged, 0);
	world_free(w);
}

/* --- enemies --- */

static int enemy_socket(char address[ROSTER_ADDRESS_SIZE])
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct timeval patience = { .tv_sec = 0, .tv_usec = 1000 };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	snprintf(address, ROSTER_ADDRESS_SIZE, "127.0.0.1:%u", ntohs(at.sin_port));
	return fd;
}

static void enemy_send(int fd, const struct world_node *to, const void *bytes, size_t len)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	const char *colon = strrchr(to->address, ':');
	uint64_t port;
	char host[64];

	snprintf(host, sizeof(host), "%.*s", (int)(colon - to->address), to->address);
	assert_int_equal(inet_pton(AF_INET, host, &at.sin_addr), 1);
	assert_int_equal(span_to_u64(span_of(colon + 1), &port), 0);
	at.sin_port = htons((uint16_t)port);
	assert_int_equal(sendto(fd, bytes, len, 0, (struct sockaddr *)&at, sizeof(at)), len);
}

static void forged_replayed_and_tampered_datagrams_change_nothing(void **state)
{
	struct world *w = world_new(3);
	uint8_t bytes[2048];
	ssize_t len = -1;
	struct peers_stats stats;
	int fd = enemy_socket(w->stranger);

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		world_start(w, &w->nodes[i], 1);
	for (unsigned i = 0; i < 3; i++)
		world_roster(w, &w->nodes[i], 1, 1, 1);
	world_until(w, all_see_all);
	/* A genuine one: a ping to the member whose place the enemy has. */
	for (unsigned i = 0; i < 200 && len < 0; i++) {
		world_run(w, 20);
		len = recv(fd, bytes, sizeof(bytes), 0);
	}
	assert_true(len > (ssize_t)ENVELOPE_OVERHEAD);
	for (unsigned i = 0; i < 20; i++)
		for (unsigned n = 0; n < 3; n++)
			enemy_send(fd, &w->nodes[n], bytes, (size_t)len);
	for (ssize_t i = 0; i < len; i++) {
		bytes[i] ^= 0x40;
		enemy_send(fd, &w->nodes[0], bytes, (size_t)len);
		enemy_send(fd, &w->nodes[1], bytes, (size_t)len);
		bytes[i] ^= 0x40;
		world_run(w, i % 64 == 0 ? 20 : 0);
	}
	enemy_send(fd, &w->nodes[0], "HF", 2);
	enemy_send(fd, &w->nodes[0], "", 0);
	world_run(w, 1000);
	assert_true(all_see_all(w));
	for (unsigned n = 0; n < 2; n++) {
		uint64_t refused = 0;

		peers_stats(w->nodes[n].peers, &stats);
		for (int i = ENVELOPE_OK + 1; i < ENVELOPE_REFUSALS; i++)
			refused += stats.refused[i];
		assert_true(refused >= (uint64_t)len);
		assert_int_equal(peers_view(w->nodes[n].peers, "stranger"), DETECTOR_UNKNOWN);
	}
	close(fd);
	world_free(w);
}

static void keys_that_the_cloud_did_not_sign_open_nothing(void **state)
{
	struct world *w = world_new(2);
	struct x509_key *signer = w->signer;
	struct peers_stats stats;

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		world_start(w, &w->nodes[i], 1);
	world_roster(w, &w->nodes[0], 1, 1, 1);
	/* Sealed by another, under the cloud's name: what a neighbour would have to do. */
	assert_int_equal(x509_key_new(&w->signer), 0);
	world_roster(w, &w->nodes[1], 1, 1, 1);
	memcpy(w->nodes[1].key.spki, w->nodes[0].key.spki, w->nodes[0].key.spki_len); /* not its key */
	world_roster(w, &w->nodes[1], 2, 2, 2);
	world_run(w, 300);
	peers_stats(w->nodes[1].peers, &stats);
	assert_int_equal(w->nodes[1].peers->membership.keys_refused, 1);
	assert_int_equal(stats.key_generation, 0);
	assert_int_equal(stats.sent, 0); /* nothing goes out that is not sealed */
	x509_key_free(signer);
	world_free(w);
}

static void what_a_person_sees_is_whole(void **state)
{
	struct world *w = region_of(2);
	struct buf text;

	(void)state;
	world_until(w, all_see_all);
	buf_init(&text, 1 << 16);
	peers_write(w->nodes[0].peers, &text);
	assert_int_equal(buf_error(&text), 0);
	assert_non_null(strstr(buf_cstr(&text), "\"name\":\"edge-2\""));
	assert_non_null(strstr(buf_cstr(&text), "\"view\":\"alive\""));
	assert_non_null(strstr(buf_cstr(&text), "\"view\":\"self\""));
	assert_true(peers_has_majority(w->nodes[0].peers));
	buf_done(&text);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regions_of_any_size_see_all_their_members),
		cmocka_unit_test(a_hub_that_is_gone_on_a_host_that_answers_is_agent_down_until_it_is_back),
		cmocka_unit_test(without_datagrams_tcp_keeps_a_member_alive),
		cmocka_unit_test(the_cloud_hears_everybody_through_one_that_it_reaches),
		cmocka_unit_test(a_member_that_missed_a_new_key_gets_it_from_its_neighbours),
		cmocka_unit_test(forged_replayed_and_tampered_datagrams_change_nothing),
		cmocka_unit_test(keys_that_the_cloud_did_not_sign_open_nothing),
		cmocka_unit_test(what_a_person_sees_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
