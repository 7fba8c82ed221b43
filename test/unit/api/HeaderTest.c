/* axiom.h compiles as strict C11, and the shared library has the interface's version. */
#include <axiom/axiom.h>

#include <stdio.h>
#include <string.h>

int main(void) {
  axiom_model *model = NULL;
  if (axiom_abi_version() != AXIOM_ABI_VERSION)
    return 1;
  if (axiom_open(AXIOM_ABI_VERSION, "/nonexistent.axm", NULL, &model) != AXIOM_NOT_FOUND || model)
    return 2;
  if (!strstr(axiom_last_error(), "nonexistent"))
    return 3;
  axiom_request request;
  memset(&request, 0xff, sizeof request);
  axiom_request_init(&request, sizeof request);
  if (request.struct_size != sizeof request || request.n != 1 || request.rows != NULL)
    return 4;
  axiom_close(NULL);
  printf("libaxiom %s\n", axiom_version());
  return 0;
}
