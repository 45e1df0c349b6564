# The REST semantics over a cache: requests, reads, watches, writes, patches; and their binding to HTTP.
holdfast_module(api
  SOURCES status.c status_merge.c object_json.c request.c request_accept.c
    server.c server_call.c server_answer.c server_path.c server_body.c http.c
    list.c list_render.c list_token.c recent.c watch.c watch_send.c
    write.c write_object.c write_local.c write_rest.c write_delete.c write_pod.c write_collection.c scale.c
    patch_json.c patch_merge.c patch_strategic.c
  DEPENDS kinds cache net base)
