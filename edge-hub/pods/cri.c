#include "edge-hub/pods/cri.h"

#include <errno.h>
#include <stdlib.h>

#include "base/list.h"
#include "edge-hub/pods/cri.pb-c.h"
#include "net/grpc.h"

#define REQUEST_MAX (4u * 1024 * 1024)
#define SECOND 1000u
#define MINUTE (60u * SECOND)

#define RUNTIME "/runtime.v1.RuntimeService/"
#define IMAGES "/runtime.v1.ImageService/"
#define BODY(type) &runtime__v1__##type##__descriptor

static const struct {
	const char *path;
	const ProtobufCMessageDescriptor *response;
	unsigned timeout_ms;
} methods[CRI_METHODS] = {
	[CRI_VERSION] = { RUNTIME "Version", BODY(version_response), 5 * SECOND },
	[CRI_STATUS] = { RUNTIME "Status", BODY(status_response), 10 * SECOND },
	[CRI_RUNTIME_CONFIG] = { RUNTIME "RuntimeConfig", BODY(runtime_config_response), 10 * SECOND },
	[CRI_RUN_POD_SANDBOX] = { RUNTIME "RunPodSandbox", BODY(run_pod_sandbox_response), 4 * MINUTE },
	[CRI_STOP_POD_SANDBOX] = { RUNTIME "StopPodSandbox", BODY(empty), 2 * MINUTE },
	[CRI_REMOVE_POD_SANDBOX] = { RUNTIME "RemovePodSandbox", BODY(empty), 2 * MINUTE },
	[CRI_POD_SANDBOX_STATUS] = { RUNTIME "PodSandboxStatus", BODY(pod_sandbox_status_response),
				     20 * SECOND },
	[CRI_LIST_POD_SANDBOX] = { RUNTIME "ListPodSandbox", BODY(list_pod_sandbox_response), 20 * SECOND },
	[CRI_CREATE_CONTAINER] = { RUNTIME "CreateContainer", BODY(create_container_response), 2 * MINUTE },
	[CRI_START_CONTAINER] = { RUNTIME "StartContainer", BODY(empty), 2 * MINUTE },
	[CRI_STOP_CONTAINER] = { RUNTIME "StopContainer", BODY(empty),
				 2 * MINUTE }, /* beside the grace period */
	[CRI_REMOVE_CONTAINER] = { RUNTIME "RemoveContainer", BODY(empty), 2 * MINUTE },
	[CRI_LIST_CONTAINERS] = { RUNTIME "ListContainers", BODY(list_containers_response), 20 * SECOND },
	[CRI_CONTAINER_STATUS] = { RUNTIME "ContainerStatus", BODY(container_status_response), 20 * SECOND },
	[CRI_UPDATE_CONTAINER_RESOURCES] = { RUNTIME "UpdateContainerResources", BODY(empty), 20 * SECOND },
	[CRI_REOPEN_CONTAINER_LOG] = { RUNTIME "ReopenContainerLog", BODY(empty), 20 * SECOND },
	[CRI_EXEC_SYNC] = { RUNTIME "ExecSync", BODY(exec_sync_response),
			    20 * SECOND }, /* beside its own timeout */
	[CRI_LIST_IMAGES] = { IMAGES "ListImages", BODY(list_images_response), 30 * SECOND },
	[CRI_IMAGE_STATUS] = { IMAGES "ImageStatus", BODY(image_status_response), 30 * SECOND },
	[CRI_PULL_IMAGE] = { IMAGES "PullImage", BODY(pull_image_response), 60 * MINUTE },
	[CRI_REMOVE_IMAGE] = { IMAGES "RemoveImage", BODY(empty), MINUTE },
};

struct call {
	struct list_node node;
	struct cri *cri;
	enum cri_method method;
	void (*on_answer)(void *ctx, const struct cri_answer *answer);
	void *ctx;
};
struct cri {
	struct grpc_channel *channel;
	struct list calls;
	struct buf request; /* reused */
	struct grpc_call *watch;
	void (*on_event)(void *ctx);
	void (*on_end)(void *ctx, int code);
	void *watch_ctx;
};

bool cri_is_silence(int code)
{
	return code == -ENOTCONN || code == -ETIMEDOUT || code == -EIO || code == -EAGAIN ||
	       code == -ECANCELED || code == -ETIME;
}

/* gRPC status codes (grpc/doc/statuscodes.md) that mean something to us. */
static int code_of_status(unsigned status)
{
	switch (status) {
	case 0: return 0;
	case 1: return -ECANCELED;
	case 4: return -ETIME;
	case 5: return -ENOENT;
	case 6: return -EEXIST;
	case 12: return -EOPNOTSUPP;
	case 14: return -ENOTCONN;
	default: return -EREMOTEIO;
	}
}

int cri_new(struct loop *loop, const char *address, void (*on_state)(void *ctx, bool up), void *ctx,
	    struct cri **out, struct err *err)
{
	struct cri *cri = calloc(1, sizeof(*cri));
	int rc;

	if (!cri)
		return -ENOMEM;
	list_init(&cri->calls);
	buf_init(&cri->request, REQUEST_MAX);
	rc = grpc_channel_new(loop, address, on_state, ctx, &cri->channel, err);
	if (rc) {
		free(cri);
		return rc;
	}
	*out = cri;
	return 0;
}

void cri_close(struct cri *cri)
{
	if (!cri)
		return;
	grpc_channel_close(cri->channel);
	list_for_each(&cri->calls, node)
		free(container_of(node, struct call, node));
	buf_done(&cri->request);
	free(cri);
}

static int encode(struct cri *cri, const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	int rc;

	if (cri->request.cap > 64 * 1024) { /* one large request must not stay in memory */
		buf_done(&cri->request);
		buf_init(&cri->request, REQUEST_MAX);
	}
	buf_reset(&cri->request);
	rc = buf_reserve(&cri->request, size ? size : 1);
	if (rc)
		return rc;
	cri->request.len = protobuf_c_message_pack(message, (uint8_t *)cri->request.data);
	return 0;
}

void *cri_decode(enum cri_method method, struct span body)
{
	return protobuf_c_message_unpack(methods[method].response, NULL, body.len, (const uint8_t *)body.ptr);
}

void cri_release(void *message)
{
	if (message)
		protobuf_c_message_free_unpacked(message, NULL);
}

static void on_unary(void *ctx, const struct grpc_answer *answer)
{
	struct call *call = ctx;
	struct cri_answer out = { .code = answer->code, .message = answer->message ? answer->message : "" };
	void *body = NULL;

	if (answer->code == -EREMOTEIO)
		out.code = code_of_status(answer->status);
	if (!out.code) {
		body = cri_decode(call->method, answer->body);
		out.code = body ? 0 : -EBADMSG;
		out.body = body;
	}
	list_remove(&call->cri->calls, &call->node);
	call->on_answer(call->ctx, &out);
	cri_release(body);
	free(call);
}

int cri_call(struct cri *cri, enum cri_method method, const void *request, unsigned timeout_ms,
	     void (*on_answer)(void *ctx, const struct cri_answer *answer), void *ctx)
{
	struct call *call = calloc(1, sizeof(*call));
	int rc = call ? encode(cri, request) : -ENOMEM;

	if (!rc) {
		*call = (struct call){ .cri = cri, .method = method, .on_answer = on_answer, .ctx = ctx };
		rc = grpc_unary(cri->channel, methods[method].path, buf_span(&cri->request),
				timeout_ms ? timeout_ms : methods[method].timeout_ms, on_unary, call);
	}
	if (rc)
		free(call);
	else
		list_push(&cri->calls, &call->node);
	return rc;
}

static void on_watch_message(void *ctx, struct span message)
{
	struct cri *cri = ctx;

	cri->on_event(cri->watch_ctx);
}

static void on_watch_end(void *ctx, const struct grpc_answer *answer)
{
	struct cri *cri = ctx;

	cri->watch = NULL;
	cri->on_end(cri->watch_ctx,
		    answer->code == -EREMOTEIO ? code_of_status(answer->status) : answer->code);
}

int cri_watch(struct cri *cri, void (*on_event)(void *ctx), void (*on_end)(void *ctx, int code), void *ctx)
{
	Runtime__V1__GetEventsRequest request = RUNTIME__V1__GET_EVENTS_REQUEST__INIT;
	int rc;

	if (cri->watch)
		return -EALREADY;
	rc = encode(cri, &request.base);
	if (rc)
		return rc;
	cri->on_event = on_event;
	cri->on_end = on_end;
	cri->watch_ctx = ctx;
	return grpc_server_stream(cri->channel, RUNTIME "GetContainerEvents", buf_span(&cri->request),
				  on_watch_message, on_watch_end, cri, &cri->watch);
}
