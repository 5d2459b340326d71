/* Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
 *
 * Calls a container runtime over CRI with a gRPC stack that has nothing in common with ours: Debian's libgrpc (its
 * C API) and libprotobuf-c. It runs a sandbox with a container in it, executes a command there, follows the events
 * of all this, and removes everything. Each step prints a line; the first failure ends it with status 1.
 *
 * usage: cri-client SOCKET IMAGE
 */
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <grpc/support/time.h>
#include <protobuf-c/protobuf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.pb-c.h"

#define RUNTIME "/runtime.v1.RuntimeService/"
#define IMAGES "/runtime.v1.ImageService/"
#define SECONDS_MAX 30

static grpc_channel *channel;

static void fail(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static gpr_timespec deadline(void) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_seconds(SECONDS_MAX, GPR_TIMESPAN));
}

/* Waits for the one batch that is under way. */
static int finished(grpc_completion_queue *queue) {
  grpc_event event = grpc_completion_queue_next(queue, deadline(), NULL);
  return event.type == GRPC_OP_COMPLETE && event.success;
}

static grpc_byte_buffer *packed(const ProtobufCMessage *message) {
  size_t length = protobuf_c_message_get_packed_size(message);
  grpc_slice slice = grpc_slice_malloc(length);
  protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(slice));
  grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
  grpc_slice_unref(slice);
  return buffer;
}

static ProtobufCMessage *unpacked(grpc_byte_buffer *buffer, const ProtobufCMessageDescriptor *type, const char *method) {
  grpc_byte_buffer_reader reader;
  if (!grpc_byte_buffer_reader_init(&reader, buffer)) fail(method, "the answer cannot be read");
  grpc_slice slice = grpc_byte_buffer_reader_readall(&reader);
  ProtobufCMessage *message =
      protobuf_c_message_unpack(type, NULL, GRPC_SLICE_LENGTH(slice), GRPC_SLICE_START_PTR(slice));
  grpc_slice_unref(slice);
  grpc_byte_buffer_reader_destroy(&reader);
  grpc_byte_buffer_destroy(buffer);
  if (message == NULL) fail(method, "the answer is no such message");
  return message;
}

static grpc_call *begin(const char *method, grpc_completion_queue *queue, gpr_timespec until) {
  return grpc_channel_create_call(channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue, grpc_slice_from_static_string(method),
                                  NULL, until, NULL);
}

/* One request, one answer. */
static void *unary(const char *method, const ProtobufCMessage *request, const ProtobufCMessageDescriptor *type) {
  grpc_completion_queue *queue = grpc_completion_queue_create_for_next(NULL);
  grpc_call *call = begin(method, queue, deadline());
  grpc_metadata_array initial, trailing;
  grpc_metadata_array_init(&initial);
  grpc_metadata_array_init(&trailing);
  grpc_byte_buffer *sent = packed(request), *received = NULL;
  grpc_status_code code;
  grpc_slice details;
  grpc_op ops[6] = {{0}};
  ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
  ops[1].op = GRPC_OP_SEND_MESSAGE;
  ops[1].data.send_message.send_message = sent;
  ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
  ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
  ops[3].data.recv_initial_metadata.recv_initial_metadata = &initial;
  ops[4].op = GRPC_OP_RECV_MESSAGE;
  ops[4].data.recv_message.recv_message = &received;
  ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
  ops[5].data.recv_status_on_client.trailing_metadata = &trailing;
  ops[5].data.recv_status_on_client.status = &code;
  ops[5].data.recv_status_on_client.status_details = &details;
  if (grpc_call_start_batch(call, ops, 6, call, NULL) != GRPC_CALL_OK) fail(method, "cannot be called");
  if (!finished(queue)) fail(method, "no answer");
  if (code != GRPC_STATUS_OK || received == NULL) {
    char *text = grpc_slice_to_c_string(details);
    fprintf(stderr, "%s: status %d\n", method, code);
    fail(method, text);
  }
  grpc_slice_unref(details);
  grpc_metadata_array_destroy(&initial);
  grpc_metadata_array_destroy(&trailing);
  grpc_byte_buffer_destroy(sent);
  grpc_call_unref(call);
  grpc_completion_queue_shutdown(queue);
  while (grpc_completion_queue_next(queue, deadline(), NULL).type != GRPC_QUEUE_SHUTDOWN) {}
  grpc_completion_queue_destroy(queue);
  return unpacked(received, type, method);
}

/* A call whose answers come one by one. */
struct stream {
  grpc_completion_queue *queue;
  grpc_call *call;
  grpc_metadata_array initial;
  int has_initial;
};

static void open_events(struct stream *stream) {
  Runtime__V1__GetEventsRequest request = RUNTIME__V1__GET_EVENTS_REQUEST__INIT;
  stream->queue = grpc_completion_queue_create_for_next(NULL);
  stream->call = begin(RUNTIME "GetContainerEvents", stream->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC));
  stream->has_initial = 0;
  grpc_byte_buffer *sent = packed(&request.base);
  grpc_op ops[3] = {{0}};
  ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
  ops[1].op = GRPC_OP_SEND_MESSAGE;
  ops[1].data.send_message.send_message = sent;
  ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
  if (grpc_call_start_batch(stream->call, ops, 3, stream, NULL) != GRPC_CALL_OK || !finished(stream->queue))
    fail("GetContainerEvents", "cannot be called");
  grpc_byte_buffer_destroy(sent);
}

static Runtime__V1__ContainerEventResponse *next_event(struct stream *stream) {
  grpc_byte_buffer *received = NULL;
  grpc_op ops[2] = {{0}};
  size_t count = 0;
  if (!stream->has_initial) {
    grpc_metadata_array_init(&stream->initial);
    ops[count].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[count++].data.recv_initial_metadata.recv_initial_metadata = &stream->initial;
    stream->has_initial = 1;
  }
  ops[count].op = GRPC_OP_RECV_MESSAGE;
  ops[count++].data.recv_message.recv_message = &received;
  if (grpc_call_start_batch(stream->call, ops, count, stream, NULL) != GRPC_CALL_OK || !finished(stream->queue) ||
      received == NULL)
    fail("GetContainerEvents", "the stream ended, or nothing came");
  return (void *)unpacked(received, &runtime__v1__container_event_response__descriptor, "GetContainerEvents");
}

/* Waits for an event of a container. */
static void await_event(struct stream *stream, const char *id, Runtime__V1__ContainerEventType type, const char *name) {
  for (;;) {
    Runtime__V1__ContainerEventResponse *event = next_event(stream);
    int found = strcmp(event->container_id, id) == 0 && event->container_event_type == type;
    runtime__v1__container_event_response__free_unpacked(event, NULL);
    if (found) break;
  }
  printf("event %s\n", name);
}

static char *run_sandbox(Runtime__V1__PodSandboxConfig *config) {
  Runtime__V1__RunPodSandboxRequest request = RUNTIME__V1__RUN_POD_SANDBOX_REQUEST__INIT;
  request.config = config;
  Runtime__V1__RunPodSandboxResponse *answer =
      unary(RUNTIME "RunPodSandbox", &request.base, &runtime__v1__run_pod_sandbox_response__descriptor);
  printf("sandbox %zu\n", strlen(answer->pod_sandbox_id));
  return answer->pod_sandbox_id;
}

static void pull(char *name) {
  Runtime__V1__ImageSpec spec = RUNTIME__V1__IMAGE_SPEC__INIT;
  spec.image = name;
  Runtime__V1__PullImageRequest request = RUNTIME__V1__PULL_IMAGE_REQUEST__INIT;
  request.image = &spec;
  unary(IMAGES "PullImage", &request.base, &runtime__v1__pull_image_response__descriptor);
  printf("image pulled\n");
}

static char *run_container(char *sandbox, Runtime__V1__PodSandboxConfig *pod, char *image) {
  Runtime__V1__ContainerMetadata metadata = RUNTIME__V1__CONTAINER_METADATA__INIT;
  metadata.name = "main";
  Runtime__V1__ImageSpec spec = RUNTIME__V1__IMAGE_SPEC__INIT;
  spec.image = image;
  char *command[] = {"sleep", "1000"};
  Runtime__V1__ContainerConfig config = RUNTIME__V1__CONTAINER_CONFIG__INIT;
  config.metadata = &metadata;
  config.image = &spec;
  config.command = command;
  config.n_command = 2;
  config.log_path = "main.log";
  Runtime__V1__CreateContainerRequest create = RUNTIME__V1__CREATE_CONTAINER_REQUEST__INIT;
  create.pod_sandbox_id = sandbox;
  create.config = &config;
  create.sandbox_config = pod;
  Runtime__V1__CreateContainerResponse *made =
      unary(RUNTIME "CreateContainer", &create.base, &runtime__v1__create_container_response__descriptor);
  Runtime__V1__StartContainerRequest start = RUNTIME__V1__START_CONTAINER_REQUEST__INIT;
  start.container_id = made->container_id;
  unary(RUNTIME "StartContainer", &start.base, &runtime__v1__start_container_response__descriptor);
  printf("container started\n");
  return made->container_id;
}

static void execute(char *container) {
  char *command[] = {"sh", "-c", "echo out; echo err >&2; exit 7"};
  Runtime__V1__ExecSyncRequest request = RUNTIME__V1__EXEC_SYNC_REQUEST__INIT;
  request.container_id = container;
  request.cmd = command;
  request.n_cmd = 3;
  request.timeout = 10;
  Runtime__V1__ExecSyncResponse *answer =
      unary(RUNTIME "ExecSync", &request.base, &runtime__v1__exec_sync_response__descriptor);
  printf("exec %d %.*s %.*s\n", answer->exit_code, (int)answer->stdout.len - 1, answer->stdout.data,
         (int)answer->stderr.len - 1, answer->stderr.data);
}

static void remove_all(char *sandbox, char *container, struct stream *events) {
  Runtime__V1__StopContainerRequest stop = RUNTIME__V1__STOP_CONTAINER_REQUEST__INIT;
  stop.container_id = container;
  unary(RUNTIME "StopContainer", &stop.base, &runtime__v1__stop_container_response__descriptor);
  await_event(events, container, RUNTIME__V1__CONTAINER_EVENT_TYPE__CONTAINER_STOPPED_EVENT, "stopped");
  Runtime__V1__RemoveContainerRequest drop = RUNTIME__V1__REMOVE_CONTAINER_REQUEST__INIT;
  drop.container_id = container;
  unary(RUNTIME "RemoveContainer", &drop.base, &runtime__v1__remove_container_response__descriptor);
  await_event(events, container, RUNTIME__V1__CONTAINER_EVENT_TYPE__CONTAINER_DELETED_EVENT, "deleted");
  Runtime__V1__StopPodSandboxRequest end = RUNTIME__V1__STOP_POD_SANDBOX_REQUEST__INIT;
  end.pod_sandbox_id = sandbox;
  unary(RUNTIME "StopPodSandbox", &end.base, &runtime__v1__stop_pod_sandbox_response__descriptor);
  Runtime__V1__RemovePodSandboxRequest forget = RUNTIME__V1__REMOVE_POD_SANDBOX_REQUEST__INIT;
  forget.pod_sandbox_id = sandbox;
  unary(RUNTIME "RemovePodSandbox", &forget.base, &runtime__v1__remove_pod_sandbox_response__descriptor);
  printf("removed\n");
}

int main(int count, char **words) {
  if (count != 3) fail("usage", "cri-client SOCKET IMAGE");
  grpc_init();
  char target[256];
  snprintf(target, sizeof target, "unix:%s", words[1]);
  grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
  channel = grpc_channel_create(target, credentials, NULL);
  grpc_channel_credentials_release(credentials);

  Runtime__V1__VersionRequest version = RUNTIME__V1__VERSION_REQUEST__INIT;
  Runtime__V1__VersionResponse *told =
      unary(RUNTIME "Version", &version.base, &runtime__v1__version_response__descriptor);
  printf("version %s %s\n", told->runtime_name, told->runtime_api_version);

  struct stream events;
  open_events(&events);
  pull(words[2]);
  Runtime__V1__PodSandboxMetadata metadata = RUNTIME__V1__POD_SANDBOX_METADATA__INIT;
  metadata.name = "from-c";
  metadata.namespace_ = "default";
  metadata.uid = "7b1c7e4e-0000-4000-8000-00000000000c";
  Runtime__V1__LinuxPodSandboxConfig linux_config = RUNTIME__V1__LINUX_POD_SANDBOX_CONFIG__INIT;
  Runtime__V1__PodSandboxConfig config = RUNTIME__V1__POD_SANDBOX_CONFIG__INIT;
  config.metadata = &metadata;
  config.hostname = "from-c";
  config.log_directory = "/tmp";
  config.linux = &linux_config;
  char *sandbox = run_sandbox(&config);
  char *container = run_container(sandbox, &config, words[2]);
  await_event(&events, container, RUNTIME__V1__CONTAINER_EVENT_TYPE__CONTAINER_CREATED_EVENT, "created");
  await_event(&events, container, RUNTIME__V1__CONTAINER_EVENT_TYPE__CONTAINER_STARTED_EVENT, "started");
  execute(container);
  remove_all(sandbox, container, &events);
  return 0;
}
