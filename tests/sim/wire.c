#include "tests/sim/wire.h"

#include <stdlib.h>

struct chunk {
	struct list_node node;
	uint64_t due_ms;
	size_t len;
	char bytes[];
};

struct wire {
	struct sim *sim;
	struct wire_options options;
	struct wire_end ends[2];
	bool black_hole;
	unsigned refs; /* open ends, and callbacks that are running */
	struct sim_timer breaking;
};

static struct wire_end *other(struct wire_end *end)
{
	struct wire *wire = end->wire;

	return &wire->ends[end == &wire->ends[0]];
}

static void unref(struct wire *wire)
{
	if (--wire->refs)
		return;
	sim_cancel(wire->sim, &wire->breaking);
	free(wire);
}

static void detach(struct wire_end *end)
{
	struct wire *wire = end->wire;
	struct list_node *node;

	if (!end->is_open)
		return;
	end->is_open = false;
	end->events = NULL;
	sim_cancel(wire->sim, &end->deliver);
	sim_cancel(wire->sim, &end->drained);
	while ((node = list_pop(&end->chunks)))
		free(container_of(node, struct chunk, node));
	unref(wire);
}

static void end_closed(struct wire_end *end)
{
	const struct wire_events *events = end->events;
	void *ctx = end->ctx;

	if (!end->is_open)
		return;
	detach(end);
	if (events)
		events->on_closed(ctx);
}

static void break_wire(struct wire *wire, bool silent)
{
	if (silent) {
		wire->black_hole = true;
		return;
	}
	wire->refs++;
	end_closed(&wire->ends[0]);
	end_closed(&wire->ends[1]);
	unref(wire);
}

void wire_break(struct wire_end *end, bool silent)
{
	if (end)
		break_wire(end->wire, silent);
}

static void on_breaking(void *ctx)
{
	struct wire *wire = ctx;

	break_wire(wire, wire->options.silent_break);
}

/* The bytes of a chunk as far as the wire still carries them. */
static size_t carried(struct wire *wire, struct wire_end *from, size_t len)
{
	uint64_t left;

	if (!wire->options.break_after)
		return len;
	left = wire->options.break_after > from->delivered ? wire->options.break_after - from->delivered : 0;
	if (left > len)
		return len;
	sim_at(wire->sim, &wire->breaking, wire->sim->now_ms);
	return (size_t)left;
}

static void deliver_chunk(struct wire_end *from, struct chunk *chunk)
{
	struct wire *wire = from->wire;
	struct wire_end *to = other(from);
	size_t len = carried(wire, from, chunk->len);

	from->delivered += len;
	if (to->events && len && !wire->black_hole)
		to->events->on_bytes(to->ctx, span_make(chunk->bytes, len));
}

static void on_deliver(void *ctx)
{
	struct wire_end *from = ctx;
	struct wire *wire = from->wire;
	struct list_node *node;
	struct chunk *chunk;

	node = list_pop(&from->chunks);
	chunk = container_of(node, struct chunk, node);
	wire->refs++;
	deliver_chunk(from, chunk);
	free(chunk);
	if (from->is_open && (node = list_first(&from->chunks)))
		sim_at(wire->sim, &from->deliver, container_of(node, struct chunk, node)->due_ms);
	unref(wire);
}

static void on_drained(void *ctx)
{
	struct wire_end *end = ctx;

	if (end->events)
		end->events->on_drained(end->ctx);
}

static void init_end(struct wire *wire, struct wire_end *end)
{
	memset(end, 0, sizeof(*end));
	end->wire = wire;
	end->is_open = true;
	list_init(&end->chunks);
	end->deliver = (struct sim_timer){ .fire = on_deliver, .ctx = end };
	end->drained = (struct sim_timer){ .fire = on_drained, .ctx = end };
	end->busy_until_us = wire->sim->now_ms * 1000;
}

struct wire *wire_new(struct sim *sim, const struct wire_options *options, struct wire_end **a,
		      struct wire_end **b)
{
	struct wire *wire = calloc(1, sizeof(*wire));

	sim_check(sim, wire != NULL, "no memory");
	wire->sim = sim;
	wire->options = *options;
	wire->refs = 2;
	wire->breaking = (struct sim_timer){ .fire = on_breaking, .ctx = wire };
	init_end(wire, &wire->ends[0]);
	init_end(wire, &wire->ends[1]);
	*a = &wire->ends[0];
	*b = &wire->ends[1];
	return wire;
}

void wire_open(struct wire_end *end, const struct wire_events *events, void *ctx)
{
	end->events = events;
	end->ctx = ctx;
}

static uint64_t now_us(const struct wire_end *end)
{
	return end->wire->sim->now_ms * 1000;
}

static uint64_t take_us(const struct wire_end *end, size_t bytes)
{
	return (uint64_t)bytes * 1000 / end->wire->options.bytes_per_ms;
}

bool wire_can_send(const struct wire_end *end)
{
	return end->is_open && end->busy_until_us <= now_us(end) + take_us(end, WIRE_UNSENT_MAX);
}

static void enqueue(struct wire_end *end, struct span bytes, uint64_t due_ms)
{
	struct wire *wire = end->wire;
	struct chunk *chunk = malloc(sizeof(*chunk) + bytes.len);

	sim_check(wire->sim, chunk != NULL, "no memory");
	memset(chunk, 0, sizeof(*chunk));
	chunk->due_ms = due_ms;
	chunk->len = bytes.len;
	if (bytes.len)
		memcpy(chunk->bytes, bytes.ptr, bytes.len);
	list_push(&end->chunks, &chunk->node);
	if (end->chunks.count == 1)
		sim_at(wire->sim, &end->deliver, due_ms);
}

void wire_send(struct wire_end *end, struct span bytes)
{
	struct wire *wire = end->wire;

	if (end->busy_until_us < now_us(end))
		end->busy_until_us = now_us(end);
	end->busy_until_us += take_us(end, bytes.len);
	end->sent += bytes.len;
	enqueue(end, bytes, (end->busy_until_us + 999) / 1000 + wire->options.delay_ms);
	if (!wire_can_send(end))
		sim_at(wire->sim, &end->drained,
		       (end->busy_until_us - take_us(end, WIRE_UNSENT_MAX) + 999) / 1000);
}

void wire_close(struct wire_end *end)
{
	struct wire *wire;
	struct wire_end *peer;

	if (!end || !end->is_open)
		return;
	wire = end->wire;
	peer = other(end);
	wire->refs++;
	detach(end);
	if (!wire->black_hole)
		end_closed(peer);
	unref(wire);
}

void wire_stall(struct wire_end *end, uint64_t until_ms)
{
	struct list_node *node = list_first(&end->chunks);

	if (end->busy_until_us < until_ms * 1000)
		end->busy_until_us = until_ms * 1000;
	for (; node; node = list_next(&end->chunks, node)) {
		struct chunk *chunk = container_of(node, struct chunk, node);

		if (chunk->due_ms < until_ms)
			chunk->due_ms = until_ms;
	}
	node = list_first(&end->chunks);
	if (node)
		sim_at(end->wire->sim, &end->deliver, container_of(node, struct chunk, node)->due_ms);
	sim_at(end->wire->sim, &end->drained, until_ms);
}
