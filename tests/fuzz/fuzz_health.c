/* What arrives at a region's port, from anybody: envelopes, and what is inside them; verdicts and keys that peers carry; and rosters. The
 * first byte chooses. */
#include "healthcheck/detector.h"
#include "healthcheck/envelope.h"
#include "healthcheck/region_key.h"
#include "healthcheck/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] =
	"{\"metadata\":{\"name\":\"r\"},\"status\":{\"roster\":{\"version\":1,\"members\":["
	"{\"name\":\"a\",\"addresses\":[\"10.0.0.1:1\"],\"identity\":\"AA\"},"
	"{\"name\":\"b\",\"addresses\":[\"10.0.0.2:1\"],\"identity\":\"AA\"},"
	"{\"name\":\"c\",\"addresses\":[\"10.0.0.3:1\"],\"identity\":\"AA\"}]}}}";

static void open_envelope(const struct roster *roster, struct span bytes)
{
	static const struct envelope_key key = { 1, { 1 } };
	const struct roster_member *sender;
	struct envelope *e = NULL;
	struct buf plain;
	uint64_t start;

	buf_init(&plain, DATAGRAM_PLAIN_MAX);
	if (!envelope_new("r", "a", 1, &e) && !envelope_set_roster(e, roster) &&
	    !envelope_set_keys(e, &key, 1, 1))
		(void)!envelope_open(e, bytes, &plain, &sender, &start);
	envelope_free(e);
	buf_done(&plain);
}

/* As if it had been sealed well: a member may be hostile too. */
static void take_datagram(const struct roster *roster, struct span bytes)
{
	struct detector_options options = { .self = "a", .start = 1, .seed = 1 };
	struct detector_action action;
	struct detector *d = NULL;
	struct datagram datagram, again;
	struct buf out;

	if (datagram_parse(bytes, &datagram))
		return;
	buf_init(&out, DATAGRAM_PLAIN_MAX);
	assert_always(datagram_write(&datagram, &out, NULL) == 0);
	assert_always(datagram_parse(buf_span(&out), &again) == 0 && again.item_count == datagram.item_count);
	if (!detector_new(&options, 0, &d) && !detector_set_roster(d, roster, 0))
		for (uint64_t now = 1; now < 5000; now += 250) {
			detector_set_tunnel(d, now % 500 == 1);
			detector_input(d, roster_find(roster, "b"), now / 1000, &datagram, "10.0.0.9:9", now);
			detector_tick(d, now);
			while (detector_next(d, &action))
				if (action.type == DETECTOR_VERIFY)
					detector_verified(d, action.member, action.item, now);
		}
	detector_free(d);
	buf_done(&out);
}

static void read_verdict(struct span bytes)
{
	struct verdict verdict, again;
	struct buf out;

	if (verdict_parse(bytes, &verdict))
		return;
	buf_init(&out, VERDICT_BYTES_MAX);
	assert_always(verdict_write(&verdict, &out) == 0);
	assert_always(verdict_parse(buf_span(&out), &again) == 0);
	assert_always(memcmp(&verdict, &again, sizeof(verdict)) == 0);
	buf_done(&out);
}

static void open_key(struct span bytes)
{
	static const struct region_key_to to = { "r", "a", 1 };
	uint8_t key[REGION_KEY_SIZE];
	struct x509_key *own = NULL;
	struct buf spki;

	buf_init(&spki, 256);
	if (!x509_key_new(&own) && !x509_key_spki(own, &spki))
		assert_always(region_key_open(&to, bytes, own, buf_span(&spki), key) < 0);
	x509_key_free(own);
	buf_done(&spki);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_make(data + 1, size ? size - 1 : 0);
	struct roster *roster = NULL, *other = NULL;

	if (!size || roster_parse(span_of(text), "a", &roster, NULL))
		return 0;
	switch (data[0]) {
	case 'e': open_envelope(roster, bytes); break;
	case 'd': take_datagram(roster, bytes); break;
	case 'v': read_verdict(bytes); break;
	case 'k': open_key(bytes); break;
	case 'r':
		if (!roster_parse(bytes, "a", &other, NULL))
			roster_free(other);
		break;
	default: break;
	}
	roster_free(roster);
	return 0;
}
