/* Prints the continuation of a text: generate MODEL.axm TEXT */
#include <axiom/axiom.h>
#include <stdio.h>

static int fail(void) {
  fprintf(stderr, "error: %s\n", axiom_last_error());
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 3)
    return 2;
  axiom_model *model;
  axiom_engine *engine;
  if (axiom_open(AXIOM_ABI_VERSION, argv[1], NULL, &model) ||
      axiom_engine_create(model, NULL, &engine))
    return fail();

  axiom_request request;
  axiom_request_init(&request, sizeof request);
  request.prompt_text = argv[2];
  request.max_tokens = 32;
  request.temperature = 0;
  uint64_t id;
  if (axiom_submit(engine, &request, NULL, NULL, &id))
    return fail();

  axiom_event event = {.struct_size = sizeof event};
  while (axiom_wait(engine, id, -1, &event) == AXIOM_OK && !event.error[0])
    fputs(event.text, stdout);
  putchar('\n');
  axiom_engine_destroy(engine);
  axiom_close(model);
  return 0;
}
