#include "healthcheck/verdict.h"

#include <errno.h>

#include "base/bigend.h"

#define FIXED_SIZE (8 + 8 + 1 + 4 + 8 + 8 + 8 + 4 + 4 + 4 + 2 + 2 + 2 + 1 + 1)

#define CARRIED_SIZE 4u

static const char *const word_names[] = {
	[VERDICT_ALIVE] = "alive",
	[VERDICT_AGENT_DOWN] = "agent-down",
	[VERDICT_DEAD] = "dead",
};

const char *verdict_word_name(enum verdict_word word)
{
	return word >= VERDICT_ALIVE && word <= VERDICT_DEAD ? word_names[word] : "";
}

static void add_fixed(struct buf *out, const struct verdict *v)
{
	(void)buf_add(out, v->voter, ROSTER_ID_SIZE);
	(void)buf_add(out, v->subject, ROSTER_ID_SIZE);
	(void)bigend_add(out, v->word, 1);
	(void)bigend_add(out, v->roster_version, 4);
	(void)bigend_add(out, v->voter_start, 8);
	(void)bigend_add(out, v->sequence, 8);
	(void)bigend_add(out, v->subject_start, 8);
	(void)bigend_add(out, v->subject_incarnation, 4);
	(void)bigend_add(out, v->age_ms, 4);
	(void)bigend_add(out, v->silent_ms, 4);
	(void)bigend_add(out, v->probes, 2);
	(void)bigend_add(out, v->asked, 2);
	(void)bigend_add(out, v->answers, 2);
	(void)bigend_add(out, v->tcp, 1);
	(void)bigend_add(out, v->score, 1);
}

int verdict_signed_bytes(const char *region, const struct verdict *v, struct buf *out)
{
	(void)buf_add_str(out, "holdfast verdict 1");
	(void)buf_add(out, region, strlen(region) + 1);
	add_fixed(out, v);
	return buf_error(out);
}

int verdict_write(const struct verdict *v, struct buf *out)
{
	if (!v->signature_len || v->signature_len > DATAGRAM_SIGNATURE_MAX)
		return -EINVAL;
	add_fixed(out, v);
	(void)bigend_add(out, v->carried_ms, 4);
	(void)buf_add(out, v->signature, v->signature_len);
	return buf_error(out);
}

struct cursor {
	struct span rest;
};

static uint64_t number(struct cursor *c, unsigned bytes)
{
	uint64_t n = bigend_load(c->rest.ptr, bytes);

	c->rest = span_make(c->rest.ptr + bytes, c->rest.len - bytes);
	return n;
}

static void id(struct cursor *c, uint8_t out[ROSTER_ID_SIZE])
{
	memcpy(out, c->rest.ptr, ROSTER_ID_SIZE);
	c->rest = span_make(c->rest.ptr + ROSTER_ID_SIZE, c->rest.len - ROSTER_ID_SIZE);
}

int verdict_parse(struct span bytes, struct verdict *out)
{
	struct cursor c = { bytes };

	if (bytes.len <= FIXED_SIZE + CARRIED_SIZE ||
	    bytes.len > FIXED_SIZE + CARRIED_SIZE + DATAGRAM_SIGNATURE_MAX)
		return -EBADMSG;
	*out = (struct verdict){ .carried_ms = 0 };
	id(&c, out->voter);
	id(&c, out->subject);
	out->word = (enum verdict_word)number(&c, 1);
	out->roster_version = (uint32_t)number(&c, 4);
	out->voter_start = number(&c, 8);
	out->sequence = number(&c, 8);
	out->subject_start = number(&c, 8);
	out->subject_incarnation = (uint32_t)number(&c, 4);
	out->age_ms = (uint32_t)number(&c, 4);
	out->silent_ms = (uint32_t)number(&c, 4);
	out->probes = (uint16_t)number(&c, 2);
	out->asked = (uint16_t)number(&c, 2);
	out->answers = (uint16_t)number(&c, 2);
	out->tcp = (uint8_t)number(&c, 1);
	out->score = (uint8_t)number(&c, 1);
	out->carried_ms = (uint32_t)number(&c, 4);
	memcpy(out->signature, c.rest.ptr, c.rest.len);
	out->signature_len = c.rest.len;
	return out->word >= VERDICT_ALIVE && out->word <= VERDICT_DEAD ? 0 : -EBADMSG;
}

static uint32_t clamp32(uint64_t n)
{
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static bool is_long_enough(size_t len)
{
	return len > FIXED_SIZE + CARRIED_SIZE;
}

void verdict_kept(uint8_t *bytes, size_t len, uint64_t ms)
{
	uint64_t carried;

	if (!is_long_enough(len))
		return;
	carried = clamp32(bigend_load(bytes + FIXED_SIZE, CARRIED_SIZE) + ms);
	for (size_t i = CARRIED_SIZE; i--; carried >>= 8)
		bytes[FIXED_SIZE + i] = (uint8_t)carried;
}

bool verdict_is_same(struct span a, struct span b)
{
	size_t rest = FIXED_SIZE + CARRIED_SIZE;

	if (a.len != b.len || !is_long_enough(a.len))
		return span_eq(a, b);
	return memcmp(a.ptr, b.ptr, FIXED_SIZE) == 0 && memcmp(a.ptr + rest, b.ptr + rest, a.len - rest) == 0;
}

static uint16_t clamp16(unsigned n)
{
	return n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
}

bool verdict_of_sight(const struct detector_sight *sight, uint64_t now_ms, struct verdict *out)
{
	static const enum verdict_word words[] = {
		[DETECTOR_ALIVE] = VERDICT_ALIVE,
		[DETECTOR_AGENT_DOWN] = VERDICT_AGENT_DOWN,
		[DETECTOR_DEAD] = VERDICT_DEAD,
	};
	uint64_t heard = sight->heard_ms > sight->relayed_ms ? sight->heard_ms : sight->relayed_ms;
	uint64_t touch = sight->heard_ms > sight->vouched_ms ? sight->heard_ms : sight->vouched_ms;

	if (sight->view == DETECTOR_UNKNOWN || sight->view == DETECTOR_SUSPECT)
		return false;
	*out = (struct verdict){
		.word = words[sight->view],
		.subject_start = sight->start,
		.subject_incarnation = sight->incarnation,
		/* What is alive was so when it last answered; what is gone is so now. */
		.age_ms = sight->view == DETECTOR_ALIVE ? clamp32(now_ms - heard) : 0,
		.silent_ms = sight->heard_ms ? clamp32(now_ms - touch) : UINT32_MAX,
		.probes = clamp16(sight->probes),
		.asked = clamp16(sight->asked),
		.answers = clamp16(sight->answers),
		.tcp = sight->tcp_tried ? (uint8_t)(sight->tcp + 1) : 0,
	};
	return true;
}
