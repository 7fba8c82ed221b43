// Prints the continuation of a text as it comes: generate MODEL.axm TEXT
#include <axiom/axiom.hpp>
#include <iostream>

int main(int argc, char **argv) {
  if (argc != 3)
    return 2;
  auto fail = [](const axiom::Error &error) {
    std::cerr << "error: " << error.message << '\n';
    return 1;
  };
  auto model = axiom::Model::open(argv[1]);
  if (!model)
    return fail(model.error());
  auto engine = axiom::Engine::create(*model);
  if (!engine)
    return fail(engine.error());
  auto prompt = model->tokenize(argv[2]);
  if (!prompt)
    return fail(prompt.error());

  auto request = engine->submit(*prompt, {.maxTokens = 32, .temperature = 0});
  if (!request)
    return fail(request.error());
  for (bool last = false; !last;) {
    auto event = engine->wait(*request);
    if (!event)
      return fail(event.error());
    std::cout << event->text << std::flush;
    last = event->last;
  }
  std::cout << '\n';
}
