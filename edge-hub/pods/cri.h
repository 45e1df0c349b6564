/* cri: the Container Runtime Interface as typed calls: messages of edge-hub/pods/cri.pb-c.h over net/grpc.
 *
 * Every call has a deadline; an answer comes once, from the loop, unless the client is closed first. No
 * answer (see cri_is_silence) is never to be taken for "nothing there". */
#ifndef HOLDFAST_EDGE_HUB_PODS_CRI_H
#define HOLDFAST_EDGE_HUB_PODS_CRI_H

#include "net/loop.h"

enum cri_method {
	CRI_VERSION,
	CRI_STATUS,
	CRI_RUNTIME_CONFIG,
	CRI_RUN_POD_SANDBOX,
	CRI_STOP_POD_SANDBOX,
	CRI_REMOVE_POD_SANDBOX,
	CRI_POD_SANDBOX_STATUS,
	CRI_LIST_POD_SANDBOX,
	CRI_CREATE_CONTAINER,
	CRI_START_CONTAINER,
	CRI_STOP_CONTAINER,
	CRI_REMOVE_CONTAINER,
	CRI_LIST_CONTAINERS,
	CRI_CONTAINER_STATUS,
	CRI_UPDATE_CONTAINER_RESOURCES,
	CRI_REOPEN_CONTAINER_LOG,
	CRI_EXEC_SYNC,
	CRI_LIST_IMAGES,
	CRI_IMAGE_STATUS,
	CRI_PULL_IMAGE,
	CRI_REMOVE_IMAGE,
	CRI_METHODS,
};

struct cri_answer {
	int code; /* 0; -ENOENT, -EEXIST, -EOPNOTSUPP, -EREMOTEIO from the runtime; -EBADMSG; or silence */
	const char *message; /* for a person, "" without */
	const void *
		body; /* on success the method's response, Runtime__V1__...Response; Runtime__V1__Empty where it says nothing */
};
/* -ENOTCONN, -ETIMEDOUT, -EIO, -EAGAIN, -ECANCELED, and -ETIME (the runtime itself says that a deadline passed): nobody
 * knows whether it was done. */
bool cri_is_silence(int code);

struct cri;
int cri_new(struct loop *loop, const char *address, void (*on_state)(void *ctx, bool up), void *ctx,
	    struct cri **out, struct err *err) must_check;
void cri_close(struct cri *cri); /* pending calls end without an answer */
/* `request` is the method's request message. timeout_ms 0: the method's usual one. -EAGAIN, -ENOMEM. */
int cri_call(struct cri *cri, enum cri_method method, const void *request, unsigned timeout_ms,
	     void (*on_answer)(void *ctx, const struct cri_answer *answer), void *ctx) must_check;
/* The runtime's own events (containerd 1.7 and later): on_event says only that something changed; on_end comes once
 * (-EOPNOTSUPP: this runtime has none). One at a time: -EALREADY. */
int cri_watch(struct cri *cri, void (*on_event)(void *ctx), void (*on_end)(void *ctx, int code),
	      void *ctx) must_check;

/* The pure part, for fuzzing: decodes a response of the method; freed with cri_release. NULL when it is not one. */
void *cri_decode(enum cri_method method, struct span body) must_check;
void cri_release(void *message);

#endif
